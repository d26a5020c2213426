import Foundation
import Runs

/// What a training bought, by its run folder: the loss where it began and where it ended.
public struct TrainingGain: Sendable {
  /// Of validation, in nats a token; of the training steps where there was none.
  public let loss: (first: Double, last: Double)?
  public let isValidation: Bool
  /// Of validation on text, in bits a byte, which does not depend on the tokenizer; nil where a run does not tell it.
  public let bitsPerByte: (first: Double, last: Double)?

  public init(run folder: String) {
    let run = RunFacts(folder: folder)
    let validations = run.validations
    isValidation = !validations.isEmpty
    loss = TrainingGain.ends((isValidation ? validations : run.losses).map(\.value))
    bitsPerByte = TrainingGain.ends(validations.compactMap(\.bitsPerByte))
  }

  private static func ends(_ values: [Double]) -> (first: Double, last: Double)? {
    values.first.flatMap { first in values.last.map { (first, $0) } }
  }

  /// `validation loss 6.3991 -> 0.1486, bits per byte 2.100 -> 1.050`; empty where nothing is known.
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
