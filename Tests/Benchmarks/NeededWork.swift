import Llama
import Tensors

/// Floating-point operations that a step cannot do without: no padding, what sequences share once, the head and the last block's outputs at
/// supervised rows, no gradient below the first adapter. Norms and everything else between products is left out.
struct NeededWork {
  let linear: Double
  let attention: Double
  let lowRank: Double
  var total: Double { linear + attention + lowRank }

  /// - Parameter projections: with adapters of this rank, in every block.
  init(_ batch: PackedBatch, _ configuration: LlamaConfiguration, projections: [Projection], rank: Int) {
    let rows = Double(batch.rowCount), layers = Double(configuration.layerCount)
    let supervised = Set(batch.targets.map(\.row))
    let selected = Double(supervised.count)
    func parameters(_ projections: [Projection]) -> Double {
      projections.reduce(0) { sum, projection in
        let (outputs, inputs) = projection.shape(in: configuration)
        return sum + Double(outputs * inputs)
      }
    }
    let qkv = parameters([.q, .k, .v]), rest = parameters([.o, .gate, .up, .down])
    let head = Double(configuration.vocabularySize * configuration.hiddenSize)
    // Forward and the gradient of inputs, two operations a weight and row each; the first block's inputs need none.
    linear = 4 * ((layers - 1) * (qkv + rest) * rows + qkv * rows + rest * selected + head * selected) - 2 * qkv * rows
    let positions = batch.positions
    let pairs = positions.reduce(0.0) { $0 + Double($1) + 1 }
    let lastPairs = supervised.reduce(0.0) { $0 + Double(positions[$1]) + 1 }
    // Scores and values; five products backward, the scores once more among them.
    attention = 2 * 7 * ((layers - 1) * pairs + lastPairs) * Double(configuration.queryWidth)
    lowRank = projections.reduce(0) { sum, projection in
      let (outputs, inputs) = projection.shape(in: configuration)
      return sum + 6 * Double(rank * (outputs + inputs)) * layers * rows
    }
  }
}
