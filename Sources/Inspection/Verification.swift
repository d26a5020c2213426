import Checkpoints
import JSON
import Pages
import Tensors

/// What reading every byte found.
public struct Verification: Sendable, Equatable {
  /// A tensor that holds something else than ordinary numbers.
  public struct Finding: Sendable, Equatable {
    public let file: String
    public let tensor: String
    public let nanCount: Int
    public let infinityCount: Int
    /// Index along each dimension of the first element that is NaN or infinite.
    public let firstNotFinite: [Int]?
    public let isAllZero: Bool

    /// `3 NaN and 1 infinity`
    var words: String {
      let infinities = infinityCount == 1 ? "1 infinity" : "\(Words.grouped(infinityCount)) infinities"
      if infinityCount == 0 { return "\(Words.grouped(nanCount)) NaN" }
      return nanCount == 0 ? infinities : "\(Words.grouped(nanCount)) NaN and \(infinities)"
    }
  }

  /// A file whose digest was compared.
  public struct Checksum: Sendable, Equatable {
    public let file: String
    /// `MD5` or `SHA-256`.
    public let algorithm: String
    public let source: String
    public let expected: String
    public let found: String

    public var isRight: Bool { expected == found }
  }

  public internal(set) var tensorCount = 0
  /// Only of tensors that are worth a word.
  public internal(set) var findings: [Finding] = []
  public internal(set) var checksums: [Checksum] = []
  /// Bytes read, those of a file that is checked in two ways twice.
  public internal(set) var byteCount = 0
  public internal(set) var seconds = 0.0
}

extension Verification {
  /// What is wrong: a sentence each.
  var problems: [String] {
    var problems: [String] = []
    for finding in findings {
      guard let first = finding.firstNotFinite else { continue }
      problems.append("\(finding.file): '\(finding.tensor)' holds \(finding.words), the first at \(first).")
    }
    for checksum in checksums where !checksum.isRight {
      problems.append(
        "\(checksum.file): its \(checksum.algorithm) is \(checksum.found), but \(checksum.source) has \(checksum.expected). "
          + "Copy or download it again.")
    }
    return problems
  }

  /// What is unusual without being wrong.
  func notes(isAdapter: Bool) -> [String] {
    let zeros = findings.filter(\.isAllZero).map(\.tensor)
    guard !zeros.isEmpty else { return [] }
    let unchanged = zeros.filter { $0.contains(".lora_B.") }
    if isAdapter, unchanged.count * 2 == tensorCount { return ["every lora_B is zero: the adapter changes nothing."] }
    return ["all zero: \(Words.list(zeros, atMost: 4))."]
  }

  func describe(_ page: inout Page) {
    page.gap()
    guard byteCount > 0 else { return page.row("verified", "nothing: no tensors were read, and no checksums are given") }
    let rate = seconds > 0 ? ", \(Words.rate(Double(byteCount) / seconds))" : ""
    page.row("verified", "\(Words.bytes(byteCount)) read in \(Words.duration(seconds))\(rate)")
    if tensorCount > 0 {
      let count = findings.count { $0.firstNotFinite != nil }
      let tensors = Words.count(tensorCount, "tensor")
      page.row(
        "values", count == 0 ? "every value of \(tensors) is finite" : "\(Words.grouped(count)) of \(tensors) with NaN or infinity")
    }
    let right = checksums.filter(\.isRight)
    if checksums.isEmpty {
      page.row("checksums", "none are given beside the files")
    } else {
      let sources = Set(right.map { "\($0.source) (\($0.algorithm))" }).sorted()
      var words = "\(right.count) of \(checksums.count) agree"
      if !sources.isEmpty { words += " with \(sources.joined(separator: ", "))" }
      page.row("checksums", words)
    }
  }

  var json: JSONValue {
    .object([
      "bytes_read": .integer(byteCount), "seconds": .finite(seconds), "tensors_read": .integer(tensorCount),
      "tensors": .array(
        findings.map { finding in
          .object([
            "file": .string(finding.file), "name": .string(finding.tensor), "nan": .integer(finding.nanCount),
            "infinity": .integer(finding.infinityCount), "all_zero": .bool(finding.isAllZero),
            "first_not_finite": finding.firstNotFinite.map { .array($0.map { .integer($0) }) } ?? .null,
          ])
        }),
      "checksums": .array(
        checksums.map { checksum in
          .object([
            "file": .string(checksum.file), "algorithm": .string(checksum.algorithm), "source": .string(checksum.source),
            "expected": .string(checksum.expected), "found": .string(checksum.found), "right": .bool(checksum.isRight),
          ])
        }),
    ])
  }
}
