import Checkpoints
import Foundation
import JSON
import Tokenizers
import Vocabularies

/// What was made of which files, for a person or as JSON.
struct VocabularyReport {
  /// Of the JSON object.
  var members: [String: JSONValue]
  private let model: SentencePieceModel
  private let digest: String
  private var rows: [(label: String, subject: String, words: String)] = []
  private var end: [String] = []

  init(_ model: SentencePieceModel, notes: [String]) {
    self.model = model
    var digest = SHA256()
    model.bytes.withUnsafeBytes { digest.update($0) }
    self.digest = digest.hexDigest()
    members = [
      "output": .string(model.path), "pieces": .integer(model.pieceCount), "type": .string(model.type),
      "byte_fallback": .bool(model.hasByteFallback), "bytes": .integer(model.bytes.count), "sha256": .string(self.digest),
      "notes": .array(notes.map { .string($0) }),
    ]
  }

  /// `32,000 pieces, bpe, byte fallback`
  static func words(_ model: SentencePieceModel) -> String {
    "\(Terminal.grouped(model.pieceCount)) pieces, \(model.type)\(model.hasByteFallback ? ", byte fallback" : ", no byte fallback")"
  }

  mutating func row(_ label: String, _ subject: String, _ words: String) { rows.append((label, subject, words)) }

  /// Adds what vocabularies make of a text, each with a name where there are several.
  mutating func add(_ sample: SampleText, _ measures: [(name: String, measure: SampleText.Measure)]) {
    row("sample", sample.path, "\(Terminal.grouped(sample.characterCount)) characters, \(Terminal.bytes(sample.byteCount))")
    var json: [String: JSONValue] = [
      "file": .string(sample.path), "characters": .integer(sample.characterCount), "bytes": .integer(sample.byteCount),
    ]
    for (name, measure) in measures {
      let rate = Double(measure.tokenCount) / Double(max(1, sample.characterCount))
      var words = "\(Terminal.grouped(measure.tokenCount)) tokens, \(String(format: "%.3f", rate)) per character"
      if measure.unknownCount > 0 { words += ", \(Terminal.grouped(measure.unknownCount)) of them unknown" }
      words += measure.difference == nil ? "; round trip exact" : "; round trip NOT exact"
      row("", name, words)
      var members: [String: JSONValue] = [
        "tokens": .integer(measure.tokenCount), "tokens_per_character": .number(rate), "unknown": .integer(measure.unknownCount),
        "round_trip": .bool(measure.difference == nil), "difference": .null,
      ]
      if let difference = measure.difference {
        row(
          "", "",
          "line \(difference.line), column \(difference.column): \(visible(difference.expected)) comes back as \(visible(difference.found))"
        )
        members["difference"] = .object([
          "line": .integer(difference.line), "column": .integer(difference.column), "expected": .string(difference.expected),
          "found": .string(difference.found),
        ])
      }
      if name.isEmpty { json.merge(members) { $1 } } else { json[name] = .object(members) }
    }
    members["sample"] = .object(json)
  }

  /// - Parameter duration: how long it took, where that matters.
  mutating func finish(in duration: String?) {
    var kinds: [String: Int] = [:]
    for id in 0..<Int32(clamping: model.pieceCount) {
      guard let kind = try? model.tokenizer.kind(id) else { continue }
      let isCharacter = kind == .normal && (try? model.tokenizer.piece(id).unicodeScalars.count) == 1
      kinds[isCharacter ? "characters" : VocabularyReport.names[kind] ?? "others", default: 0] += 1
    }
    members["kinds"] = .object(kinds.mapValues { .integer($0) })
    let words = ["special", "bytes", "characters", "longer", "others"].compactMap { name in
      kinds[name].map { "\(Terminal.grouped($0)) \(name)" }
    }
    end = [
      "\(model.path): \(VocabularyReport.words(model)) (\(words.joined(separator: ", ")))\(duration.map { ", in \($0)" } ?? "")",
      "sha256 \(digest)",
    ]
  }

  private static let names: [PieceKind: String] = [
    .normal: "longer", .control: "special", .unknown: "special", .userDefined: "special", .byte: "bytes",
  ]

  private func visible(_ text: String) -> String { JSONValue.string(text).line }

  var json: JSONValue { .object(members) }

  var text: String {
    let width = rows.map(\.subject.count).max() ?? 0
    let lines = rows.map { row in
      func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
      return padded(row.label, 9) + padded(row.subject, width) + "  " + row.words
    }
    return (lines + end).joined(separator: "\n") + "\n"
  }
}
