import ArgumentParser
import Checkpoints
import Foundation
import Vocabularies

/// Makes SentencePiece models.
struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Train a SentencePiece model on text, or append pieces of others to one.",
    discussion: """
      A LLaMA that learns another language, as Chinese-LLaMA-Alpaca has it:
        puna tokenizer train --input texts.txt --size 20000 --output zh.model
        puna tokenizer merge --base llama/tokenizer.model --add zh.model --output merged.model --sample texts.txt
      """, subcommands: [TokenizerTrainCommand.self, TokenizerMergeCommand.self])
}

/// A file that a command makes, and that must not be there before.
struct NewFile {
  let path: String

  /// - Parameter inputs: files that the command reads.
  /// - Throws: `Failure` or `CheckpointError` where the file is there already or cannot be made.
  init(_ path: String, inputs: [String]) throws {
    self.path = path
    var status = stat()
    if lstat(path, &status) == 0 {
      let places = Set(inputs.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path })
      guard !places.contains(URL(fileURLWithPath: path).resolvingSymlinksInPath().path) else {
        throw Failure("--output \(path) is also read. Choose another name.")
      }
      throw Failure("--output \(path) exists already. Choose another name, or remove it first.")
    }
    // A folder that cannot be written to is found before the work.
    try AtomicFile(path).discard()
  }

  /// Writes it whole.
  func write(_ bytes: [UInt8]) throws {
    let file = try AtomicFile(path)
    try bytes.withUnsafeBytes { try file.append($0) }
    try file.commit()
  }
}
