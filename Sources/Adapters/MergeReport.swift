import Bases
import Checkpoints
import Foundation
import JSON
import Tensors

/// `merge-report.json`: what was merged, what that changed, and how it was proved.
public struct MergeReport: Sendable {
  public static let fileName = "merge-report.json"
  static let sumsName = "SHA256SUMS"

  public struct Adapter: Sendable, Equatable {
    public let path: String
    public let weight: Double
    /// See `PEFTAdapter.fingerprint`.
    public let fingerprint: String
  }

  public let version: String
  public let base: String
  public let baseFingerprint: String
  public let mergedFingerprint: String
  public let adapters: [Adapter]
  public let format: String
  public let dtype: DType
  public let changes: [TensorChange]
  public let tensorCount: Int
  public let logits: LogitsComparison?
  public let notes: [String]

  /// - Parameter files: SHA-256 of every other file of the folder, by name.
  func document(files: [String: String]) -> JSONValue {
    var members: [String: JSONValue] = [
      "version": .string(version), "base": .string(base), "base_fingerprint": .string(baseFingerprint),
      "fingerprint": .string(mergedFingerprint), "format": .string(format), "dtype": .string(dtype.rawValue),
      "adapters": .array(
        adapters.map {
          .object(["path": .string($0.path), "weight": MergeReport.number($0.weight), "fingerprint": .string($0.fingerprint)])
        }),
      "tensors": .object(Dictionary(uniqueKeysWithValues: changes.map { ($0.name, MergeReport.document($0)) })),
      "copied_tensors": .integer(tensorCount - changes.count),
      "files": .object(files.mapValues { .string($0) }),
      "notes": .array(notes.map { .string($0) }),
    ]
    members["logits"] = logits.map(MergeReport.document) ?? .null
    return .object(members)
  }

  private static func document(_ change: TensorChange) -> JSONValue {
    .object([
      "change_norm": number(change.changeNorm), "weight_norm": number(change.weightNorm), "relative_change": number(change.relativeChange),
      "largest_change": number(change.largestChange), "rounding_norm": number(change.roundingNorm),
      "largest_rounding": number(change.largestRounding), "changed_elements": .integer(change.changedCount),
      "elements": .integer(change.elementCount), "merged": .bool(change.isMerged),
    ])
  }

  private static func document(_ logits: LogitsComparison) -> JSONValue {
    func tokens(_ tokens: [Int32]) -> JSONValue { .array(tokens.map { .integer(Int($0)) }) }
    return .object([
      "largest_difference": number(logits.largestDifference), "mean_difference": number(logits.meanDifference),
      "difference": number(logits.difference), "explained_by_rounding": number(logits.explained), "bound": number(logits.bound),
      "size": number(logits.size),
      "prompts": .array(
        logits.prompts.map {
          .object([
            "tokens": tokens($0.tokens), "text": $0.text.map { .string($0) } ?? .null, "greedy_adapters": tokens($0.greedyOfAdapters),
            "greedy_merged": tokens($0.greedyOfMerged),
          ])
        }),
    ])
  }

  private static func number(_ value: Double) -> JSONValue {
    Int(exactly: value).map { .integer($0) } ?? (value.isFinite ? .number(value) : .null)
  }

  /// Adapters that went into a folder before, by fingerprint, with their weights; none for a folder without a report.
  static func adapters(in folder: String) throws -> [String: Double] {
    let path = "\(folder)/\(fileName)"
    guard FileManager.default.fileExists(atPath: path) else { return [:] }
    var found: [String: Double] = [:]
    for adapter in try JSONValue(file: path)["adapters"]?.array ?? [] {
      if let fingerprint = adapter["fingerprint"]?.string { found[fingerprint] = adapter["weight"]?.double ?? 1 }
    }
    return found
  }
}

extension TensorChange {
  /// ‖Δ‖ / ‖W‖.
  public var relativeChange: Double { weightNorm > 0 ? changeNorm / weightNorm : 0 }
}

extension PEFTAdapter {
  /// SHA-256 that recognises an adapter's deltas and saved weights whatever file they lie in: of every matrix its weight's name, its shape,
  /// and the pieces that `Base.fingerprint` takes.
  public func fingerprint() -> String {
    var hash = SHA256()
    func add(_ name: String, _ values: [Float]) {
      hash.update("\(name) [\(values.count)]\n")
      values.withUnsafeBytes { bytes in
        for range in Fingerprint.ranges(byteCount: bytes.count) { hash.update(UnsafeRawBufferPointer(rebasing: bytes[range])) }
      }
    }
    for delta in deltas {
      hash.update("\(delta.rank) \(delta.scale)\n")
      add("\(delta.weightName) A", delta.a)
      add("\(delta.weightName) B", delta.b)
      if let magnitude = delta.magnitude { add("\(delta.weightName) magnitude", magnitude) }
    }
    if !savedWeights.isEmpty { hash.update(Fingerprint.compute(savedWeights.values)) }
    return hash.hexDigest()
  }
}

extension SHA256 {
  /// Of a whole file.
  static func digest(ofFile path: String) throws -> String {
    let bytes = try MappedFile.open(path)
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.hexDigest()
  }
}

extension MD5 {
  /// Of a whole file.
  static func digest(ofFile path: String) throws -> String {
    let bytes = try MappedFile.open(path)
    var hash = MD5()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.hexDigest()
  }
}
