import Foundation
import Runs

/// A run's metrics as a run writes them.
enum Course {
  /// A loss that falls from 6 to about 0.5 with some noise; 100 tokens in a tenth of a second each step.
  static func loss(_ step: Int, of count: Int) -> Double {
    0.5 + 5.5 * exp(-8 * Double(step) / Double(max(1, count))) + 0.1 * sin(Double(step * step))
  }

  static func lines(steps: Int, validateEvery: Int? = nil) -> String {
    var lines: [String] = []
    for step in 0...steps {
      if step > 0 {
        lines.append(
          """
          {"event":"step","step":\(step),"epoch":\(Double(step) / 50),"loss":\(loss(step, of: steps)),"learning_rate":\(1e-3 / Double(step)),\
          "gradient_norm":\(1 + 1 / Double(step)),"tokens":100,"tokens_computed":80,"supervised_tokens":40,"seconds":0.1}
          """)
      }
      if let validateEvery, step % validateEvery == 0 {
        lines.append("{\"event\":\"validation\",\"step\":\(step),\"loss\":\(loss(step, of: steps) + 0.2),\"tokens\":10,\"seconds\":0.5}")
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  static func history(steps: Int, validateEvery: Int? = nil) -> RunHistory { history(lines(steps: steps, validateEvery: validateEvery)) }

  static func history(_ text: String) -> RunHistory {
    var history = RunHistory()
    _ = Array(text.utf8).withUnsafeBytes { history.read($0) }
    return history
  }
}
