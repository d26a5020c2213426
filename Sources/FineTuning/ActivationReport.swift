import Llama
import Tensors

/// Where in the network numbers stop being finite: the largest absolute activation of the residual stream after the embedding and after
/// every block.
public struct ActivationReport: Sendable, Equatable {
  /// After the embedding, then after each block; NaN where one occurred.
  public let largest: [Double]

  /// Runs the batches forward once more.
  init(_ model: LlamaModel, _ batches: [PackedBatch], dropout: DropoutKey? = nil) {
    var largest = [Double](repeating: 0, count: model.configuration.layerCount + 1)
    for batch in batches where batch.rowCount > 0 {
      model.forward(batch, dropout: dropout) { block, h in
        for value in model.backend.read(h) where !(Double(abs(value)) <= largest[block + 1]) {
          // Once NaN, always NaN: nothing compares with it.
          if !largest[block + 1].isNaN { largest[block + 1] = Double(abs(value)) }
        }
      }
    }
    self.largest = largest
  }

  public init(largest: [Double]) { self.largest = largest }

  /// -1 is the embedding; `nil` where every block is finite.
  public var firstNotFinite: Int? { largest.firstIndex { !$0.isFinite }.map { $0 - 1 } }

  public var text: String {
    guard let first = firstNotFinite else {
      let top = largest.max() ?? 0
      let place = largest.firstIndex(of: top).map { $0 - 1 } ?? -1
      return
        "Every block's activations are finite, the largest \(rounded(top)) after \(name(place)): what breaks is the head or the way back."
    }
    if first == -1 { return "Already the embedding's rows are not finite: look at the base with 'puna inspect --verify'." }
    let before = (-1..<first).suffix(2).map { "\(rounded(largest[$0 + 1])) after \(name($0))" }.joined(separator: ", ")
    return "Block \(first) of 0 to \(largest.count - 2) is the first whose activations are not finite; the largest are \(before)."
  }

  private func name(_ block: Int) -> String { block == -1 ? "the embedding" : "block \(block)" }

  private func rounded(_ value: Double) -> String { "\(Float(value))" }

  /// Members of an event.
  var json: String {
    let values = largest.map(\.json).joined(separator: ",")
    return "\"largest_activations\":[\(values)],\"first_not_finite_block\":\(firstNotFinite.map(String.init) ?? "null")"
  }
}
