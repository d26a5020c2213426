import Checkpoints
import Foundation
import JSON
import Runs

/// What a training bought, by its run folder: the loss where it began and where it ended.
public struct TrainingGain: Sendable {
  /// Of validation, in nats a token; of the training steps where there was none.
  public let loss: (first: Double, last: Double)?
  public let isValidation: Bool
  /// Of validation, in bits a byte of text, which does not depend on the tokenizer; nil where a run does not tell it.
  public let bitsPerByte: (first: Double, last: Double)?

  public init(run folder: String) {
    let run = RunFacts(folder: folder)
    let validations = run.validations
    isValidation = !validations.isEmpty
    let losses = isValidation ? validations : run.losses
    loss = losses.first.flatMap { first in losses.last.map { (first.value, $0.value) } }
    let bits = TrainingGain.bitsPerByte(in: "\(folder)/metrics.jsonl")
    bitsPerByte = bits.first.flatMap { first in bits.last.map { (first, $0) } }
  }

  /// Of all validations, in their order.
  private static func bitsPerByte(in path: String) -> [Double] {
    guard let bytes = try? GrowingFile.bytes(path) else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard let event = try? JSONValue(parsing: Array(line)), event["event"]?.string == "validation" else { return nil }
      return event["bits_per_byte"]?.double
    }
  }

  /// `validation loss 6.3991 -> 0.1486, bits per byte 2.10 -> 1.05`; empty where nothing is known.
  public var text: String {
    var parts: [String] = []
    if let loss { parts.append("\(isValidation ? "validation" : "training") loss \(format(loss, digits: 4))") }
    if let bitsPerByte { parts.append("bits per byte \(format(bitsPerByte, digits: 3))") }
    return parts.joined(separator: ", ")
  }

  private func format(_ pair: (first: Double, last: Double), digits: Int) -> String {
    String(format: "%.\(digits)f -> %.\(digits)f", pair.first, pair.last)
  }
}
