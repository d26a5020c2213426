import Adapters
import Bases
import CStarter
import Checkpoints
import Foundation
import Recipes
import Tensors
import Tokenizers
import Vocabularies

/// Bytes that are part of the program.
private final class ProgramBytes: ByteOwner {
  let byteCount: Int
  private let address: Int

  init(_ file: puna_starter_file) {
    byteCount = file.count
    address = Int(bitPattern: file.bytes)
  }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: byteCount))
  }
}

/// A base as a person names it: a folder, or `starter`, the small model that is part of the program.
struct BaseLocation {
  let name: String

  var isStarter: Bool { name == Recipe.starter }

  func open() throws -> Base {
    guard isStarter else { return try Base.open(name) }
    let files = BaseLocation.starterFiles
    let shards = files.filter { $0.name.hasSuffix(".safetensors") }
    guard let configuration = files.first(where: { $0.name == "config.json" })?.bytes else {
      preconditionFailure("the starter has a configuration")
    }
    return try Base.open(name: name, configuration: configuration, shards: shards)
  }

  /// The files of the starter, as they lie in the program.
  static var starterFiles: [(name: String, bytes: MappedBytes)] {
    (0..<puna_starter_file_count()).compactMap { index in
      (puna_starter_file_at(index)?.pointee).map { (String(cString: $0.name), MappedBytes(owner: ProgramBytes($0))) }
    }
  }

  /// The tokenizer of the starter, with all its bytes.
  static var starterTokenizer: SentencePieceModel {
    get throws {
      guard let file = starterFiles.first(where: { $0.name == "tokenizer.model" }) else {
        preconditionFailure("the starter has a tokenizer")
      }
      return try SentencePieceModel(bytes: file.bytes.withUnsafeBytes { Array($0) }, path: "starter/tokenizer.model")
    }
  }

  /// Configuration, tokenizer and what else goes with the weights.
  func openFiles(of base: Base) throws -> ModelFiles {
    guard isStarter else { return try ModelFiles(of: base) }
    let files = BaseLocation.starterFiles.filter { !$0.name.contains(".safetensors") }
    return ModelFiles(Dictionary(files.map { ($0.name, $0.bytes) }) { $1 })
  }

  /// The tokenizer at `path`, or else the base's own; `nil` when the base has none.
  func openTokenizer(at path: String? = nil) throws -> (any Tokenizer)? {
    if let path, path != Recipe.starter { return try Tokenizers.openTokenizer(at: Base.tokenizerPath(ofFolder: path) ?? path) }
    if isStarter || path == Recipe.starter {
      return try BaseLocation.starterTokenizer.tokenizer
    }
    return try Base.tokenizerPath(ofFolder: name).map { try Tokenizers.openTokenizer(at: $0) }
  }
}
