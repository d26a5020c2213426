import Checkpoints
import JSON

/// The course of a run, as `metrics.jsonl` tells it line by line.
public struct RunHistory: Sendable {
  /// A `step` event. What a line does not say is nil or 0.
  public struct Step: Sendable, Equatable {
    public var step = 0
    public var epoch: Double?
    /// Mean over the step's supervised tokens, in nats.
    public var loss: Double?
    public var learningRate: Double?
    /// Before clipping.
    public var gradientNorm: Double?
    /// Of the sequences, before sharing.
    public var tokens = 0
    public var supervisedTokens = 0
    public var seconds: Double?
    /// Seconds of steps and validations up to here.
    public internal(set) var elapsed = 0.0

    public var tokensPerSecond: Double? { seconds.flatMap { $0 > 0 ? Double(tokens) / $0 : nil } }
  }

  /// A `validation` event; step 0 is before the first.
  public struct Validation: Sendable, Equatable {
    public var step = 0
    public var loss: Double?
    /// Of text only.
    public var bitsPerByte: Double?
    public var seconds: Double?
    public internal(set) var elapsed = 0.0
  }

  /// An event of any other name, whole.
  public struct Event: Sendable, Equatable {
    public let name: String
    public let step: Int
    public let value: JSONValue
  }

  /// In the order of the file, which is that of training.
  public private(set) var steps: [Step] = []
  public private(set) var validations: [Validation] = []
  public private(set) var others: [Event] = []
  public private(set) var lineCount = 0
  /// Whole lines that are no event of a run, from 1.
  public private(set) var unreadableLines: [Int] = []
  /// The last line has no end: a run was killed while it wrote.
  public private(set) var isCutOff = false
  private var elapsed = 0.0

  public init() {}

  /// Reads a whole file, which may be growing.
  ///
  /// - Throws: `CheckpointError` when it cannot be read.
  public init(file path: String) throws {
    let bytes = try GrowingFile.bytes(path)
    let count = bytes.withUnsafeBytes { read($0) }
    isCutOff = count < bytes.count
  }

  /// Takes the whole lines of `bytes`.
  ///
  /// - Returns: the bytes that were taken.
  public mutating func read(_ bytes: UnsafeRawBufferPointer) -> Int {
    let bytes = bytes.bindMemory(to: UInt8.self)
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      lineCount += 1
      if end > start, !readLine(UnsafeBufferPointer(rebasing: bytes[start..<end])) { unreadableLines.append(lineCount) }
      start = end + 1
    }
    return start
  }

  /// - Returns: whether it is an event.
  private mutating func readLine(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var scanner = JSONScanner(bytes)
    guard let line = try? Line(&scanner), let step = line.step, let name = line.name else { return false }
    elapsed += line[.seconds] ?? 0
    switch name {
    case "step":
      steps.append(
        Step(
          step: step, epoch: line[.epoch], loss: line[.loss], learningRate: line[.learningRate], gradientNorm: line[.gradientNorm],
          tokens: line.tokens ?? 0, supervisedTokens: line.supervisedTokens ?? 0, seconds: line[.seconds], elapsed: elapsed))
    case "validation":
      validations.append(
        Validation(step: step, loss: line[.loss], bitsPerByte: line[.bitsPerByte], seconds: line[.seconds], elapsed: elapsed))
    default:
      guard let value = try? JSONValue(parsing: bytes) else { return false }
      others.append(Event(name: name, step: step, value: value))
    }
    return true
  }
}

/// The members of one line that every event may have; others are passed over.
private struct Line {
  enum Number: Int, CaseIterable { case epoch, loss, learningRate, gradientNorm, seconds, bitsPerByte }

  private(set) var name: String?
  private(set) var step: Int?
  private(set) var tokens: Int?
  private(set) var supervisedTokens: Int?
  private var numbers = [Double?](repeating: nil, count: Number.allCases.count)

  subscript(number: Number) -> Double? { numbers[number.rawValue] }

  private init() {}

  init(_ scanner: inout JSONScanner) throws {
    var line = Line()
    try scanner.object { scanner, key in
      if scanner.matches(key, "event") {
        line.name = try scanner.kind() == .string ? scanner.string(try scanner.string()) : nil
        if line.name == nil { try scanner.skipValue() }
      } else if scanner.matches(key, "step") {
        line.step = try scanner.integerOrNothing()
      } else if scanner.matches(key, "tokens") {
        line.tokens = try scanner.integerOrNothing()
      } else if scanner.matches(key, "supervised_tokens") {
        line.supervisedTokens = try scanner.integerOrNothing()
      } else if let number = Line.number(key, scanner) {
        line.numbers[number.rawValue] = try scanner.numberOrNothing()
      } else {
        try scanner.skipValue()
      }
    }
    try scanner.end()
    self = line
  }

  private static func number(_ key: JSONText, _ scanner: JSONScanner) -> Number? {
    if scanner.matches(key, "loss") { return .loss }
    if scanner.matches(key, "learning_rate") { return .learningRate }
    if scanner.matches(key, "gradient_norm") { return .gradientNorm }
    if scanner.matches(key, "seconds") { return .seconds }
    if scanner.matches(key, "bits_per_byte") { return .bitsPerByte }
    return scanner.matches(key, "epoch") ? .epoch : nil
  }
}

extension JSONScanner {
  fileprivate mutating func integerOrNothing() throws -> Int? {
    if try kind() == .number { return try integer() }
    try skipValue()
    return nil
  }

  fileprivate mutating func numberOrNothing() throws -> Double? {
    guard try kind() == .number else {
      try skipValue()
      return nil
    }
    return try double(in: try number().range)
  }
}
