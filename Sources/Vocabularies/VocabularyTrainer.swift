import CSentencePiece
import Foundation
import Tokenizers

/// Trains a SentencePiece model on text files. The same files and options give the same bytes, on any machine.
public struct VocabularyTrainer {
  public let options: VocabularyTrainingOptions
  private let sentences: TrainingSentences

  public var lineCount: Int { sentences.facts.lineCount }
  public var takenLineCount: Int { sentences.facts.takenLineCount }
  public var byteCount: Int { sentences.facts.byteCount }
  public var takenByteCount: Int { sentences.facts.takenByteCount }

  /// Reads and checks the files.
  ///
  /// - Throws: `VocabularyError` for options out of range and for what is no text; `CheckpointError` for a file that cannot be read.
  public init(inputs: [String], options: VocabularyTrainingOptions) throws {
    try options.check()
    self.options = options
    sentences = try TrainingSentences(paths: inputs, options: options)
  }

  /// What a person should know about the text.
  public var notes: [String] {
    let facts = sentences.facts
    var notes: [String] = []
    if facts.cutLineCount > 0 {
      notes.append(
        "\(grouped(facts.cutLineCount)) of \(grouped(facts.takenLineCount)) lines are longer than \(grouped(options.longestSentence)) bytes "
          + "(--max-sentence-length) and were cut, at spaces where there are any. No text is left out.")
    }
    if facts.reservedLineCount > 0 {
      notes.append("\(grouped(facts.reservedLineCount)) lines have U+2585, which the trainer reserves; they were cut there.")
    }
    if let count = options.sampleLineCount, count >= facts.lineCount {
      notes.append("--sample-lines \(grouped(count)) takes all \(grouped(facts.lineCount)) lines.")
    }
    return notes
  }

  /// Trains; seconds for megabytes, hours for gigabytes.
  ///
  /// - Parameter name: of the model, in messages.
  /// - Throws: `VocabularyError` where the text and the size do not fit, or in the library's words.
  public func train(name: String) throws -> SentencePieceModel {
    switch run(options) {
    case .success(let bytes): return try SentencePieceModel(bytes: bytes, path: name)
    case .failure(let refusal): throw explained(refusal.message)
    }
  }

  private struct Refusal: Error {
    let message: String
  }

  private func run(_ options: VocabularyTrainingOptions) -> Result<[UInt8], Refusal> {
    var model: UnsafeMutableRawPointer?
    var byteCount = 0
    var message: UnsafeMutablePointer<CChar>?
    let isDone = sentences.withSentences { sentences in
      withCStrings(options.settings(byteCount: takenByteCount)) { settings in
        puna_sentencepiece_train(settings.baseAddress, settings.count, sentences.baseAddress, sentences.count, &model, &byteCount, &message)
      }
    }
    defer {
      puna_sentencepiece_release(model)
      puna_sentencepiece_release(message)
    }
    guard isDone, let model else { return .failure(Refusal(message: message.map { String(cString: $0) } ?? "no reason given")) }
    return .success(Array(UnsafeRawBufferPointer(start: model, count: byteCount)))
  }

  /// The library's message in words of ours, where it is about the size.
  private func explained(_ message: String) -> VocabularyError {
    if let largest = number(after: "Please set it to a value <= ", in: message) {
      return .sizeTooLarge(size: options.size, largest: largest)
    }
    let tooSmall = "Vocabulary size is smaller than required_chars. "
    if let smallest = number(after: "\(tooSmall)\(options.size) vs ", in: message) {
      // A vocabulary without room for a character asks how many there are at the lowest coverage.
      var asking = options
      asking.size = options.reservedPieceCount
      asking.characterCoverage = VocabularyTrainingOptions.lowestCoverage
      var covering: Int?
      if case .failure(let refusal) = run(asking) { covering = number(after: "\(tooSmall)\(asking.size) vs ", in: refusal.message) }
      return .sizeTooSmall(size: options.size, smallest: smallest, smallestCovering: covering, options: options)
    }
    if message.contains("sentences_.empty()") || message.contains("required_chars_.empty()") {
      return .library("nothing is left of the text after normalization (--normalization \(options.normalization.rawValue))")
    }
    if message.hasPrefix("killed") || message.contains("bad_alloc") {
      return .library("\(message). With less text it takes less memory: --sample-lines draws lines from all files")
    }
    return .library(message)
  }
}

/// The whole number that follows a text.
private func number(after text: String, in message: String) -> Int? {
  guard let range = message.range(of: text) else { return nil }
  return Int(message[range.upperBound...].prefix { $0.isASCII && $0.isNumber })
}

/// Calls `body` with texts as C has them.
private func withCStrings<Result>(_ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result) -> Result {
  let bytes = texts.map { Array($0.utf8CString) }
  let starts = bytes.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
  return bytes.flatMap { $0 }.withUnsafeBufferPointer { all in
    let pointers = starts.dropLast().map { start in all.baseAddress.map { $0 + start } }
    return pointers.withUnsafeBufferPointer(body)
  }
}
