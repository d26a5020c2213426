import ArgumentParser
import Foundation
import Vocabularies

struct TokenizerTrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a SentencePiece model on text files.",
    discussion: """
      Example: puna tokenizer train --input texts/*.txt --size 20000 --output zh.model --sample held-out.txt
      Files are UTF-8, a sentence or paragraph a line. The defaults are those of LLaMA's own model (byte pairs, bytes for what \
      is rare, single digits, text as it is), so that the result can be merged into it; Chinese-LLaMA's 20,000 pieces were made with \
      --type unigram --normalization nmt_nfkc --no-byte-fallback --no-split-digits. The same files and options give the same file.
      """)

  @Option(parsing: .upToNextOption, help: "Text files.") var input: [String]
  @Option(help: "Pieces in all, with <unk>, <s>, </s> and the 256 bytes.") var size: Int
  @Option(help: "File to make.") var output: String
  @Option(help: "bpe or unigram.") var type = VocabularyTrainingOptions.ModelType.bpe
  @Option(help: "Share of the text's characters that get a piece, from 0.98; the rest is spelt in bytes.") var characterCoverage = 0.9995
  @Flag(inversion: .prefixedNo, help: "Pieces for the 256 bytes, so that every text can be spelt.") var byteFallback = true
  @Flag(inversion: .prefixedNo, help: "Every digit is a piece of its own.") var splitDigits = true
  @Option(help: "identity (text as it is), nfkc, nmt_nfkc, nfkc_cf or nmt_nfkc_cf (these also remove superfluous spaces).")
  var normalization = VocabularyTrainingOptions.Normalization.identity
  @Option(help: "Most characters of a piece.") var maxPieceLength = 16
  @Option(help: "Longer lines are cut; bytes.") var maxSentenceLength = 4192
  @Option(help: "Draw N lines from all files; default: take all.") var sampleLines: Int?
  @Option(help: "Of the drawing.") var seed: UInt64 = 42
  @Option(help: "Text to measure the result on: tokens per character, round trip.") var sample: String?
  @Flag(help: "Print one JSON object.") var json = false
  @Flag(help: "Print no progress, only notes and results.") var quiet = false

  private var options: VocabularyTrainingOptions {
    var options = VocabularyTrainingOptions(size: size)
    options.type = type
    options.characterCoverage = characterCoverage
    options.hasByteFallback = byteFallback
    options.splitsDigits = splitDigits
    options.normalization = normalization
    options.longestPiece = maxPieceLength
    options.longestSentence = maxSentenceLength
    options.sampleLineCount = sampleLines
    options.seed = seed
    return options
  }

  func validate() throws {
    if input.isEmpty { throw ValidationError("Give --input: text files to train on.") }
    if output.isEmpty { throw ValidationError("--output is empty; expected the name of a file.") }
    do { try options.check() } catch { throw ValidationError("\(error)") }
  }

  func run() throws {
    let file = try NewFile(output, inputs: input)
    let sample = try sample.map { try SampleText(path: $0) }
    let trainer = try VocabularyTrainer(inputs: input, options: options)
    var notes = trainer.notes
    if let twice = input.first(where: { path in input.count { $0 == path } > 1 }) {
      notes.append("\(twice) is given more than once, and counts as often.")
    }
    for text in notes { note(text) }
    if !quiet {
      standardError(
        "training \(Terminal.grouped(size)) pieces (\(type.rawValue)) on \(Terminal.grouped(trainer.takenLineCount)) lines, "
          + "\(Terminal.bytes(trainer.takenByteCount))")
    }
    let began = Date()
    let model = try trainer.train(name: output)
    let seconds = Date().timeIntervalSince(began)
    let measure = try sample.map { try $0.measure(model.tokenizer) }
    try file.write(model.bytes)

    var report = VocabularyReport(model, notes: notes)
    report.row("text", input.count == 1 ? input[0] : "\(input.count) files", taken(trainer))
    if let sample, let measure { report.add(sample, [("", measure)]) }
    report.members["text"] = .object([
      "files": .array(input.map { .string($0) }), "lines": .integer(trainer.lineCount), "taken_lines": .integer(trainer.takenLineCount),
      "bytes": .integer(trainer.byteCount), "taken_bytes": .integer(trainer.takenByteCount),
    ])
    report.members["seconds"] = .number((seconds * 1000).rounded() / 1000)
    report.finish(in: Terminal.duration(seconds))
    print(json ? report.json.text : report.text, terminator: "")
  }

  private func taken(_ trainer: VocabularyTrainer) -> String {
    let all = "\(Terminal.grouped(trainer.lineCount)) lines, \(Terminal.bytes(trainer.byteCount))"
    if trainer.takenLineCount == trainer.lineCount { return all }
    return "\(Terminal.grouped(trainer.takenLineCount)) of \(all), drawn with seed \(seed)"
  }
}

extension VocabularyTrainingOptions.ModelType: ExpressibleByArgument {}
extension VocabularyTrainingOptions.Normalization: ExpressibleByArgument {}
