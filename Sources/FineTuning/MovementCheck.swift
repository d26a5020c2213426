import Llama
import Tensors

/// Looks whether training changes an adapter: which of its B matrices, and of its trained embeddings, are after some updates what they were
/// before the first.
///
/// A is not looked at: weight decay alone moves it, and under B = 0 it gets no gradient.
struct MovementCheck {
  /// Updates after which a B that gets any gradient has moved: AdamW's first moves it by the whole learning rate.
  static let updates = 10
  /// Elements that are read at a time.
  private static let piece = 1 << 18

  private let sums: [UInt64]

  /// - Parameter adapter: as it is before the run's first step.
  init(_ adapter: LoRAAdapter, on backend: any ComputeBackend) { sums = MovementCheck.sums(adapter, backend) }

  /// - Returns: what to say, if some or all matrices stand still.
  func warning(_ adapter: LoRAAdapter, on backend: any ComputeBackend, step: Int) -> TrainingWarning? {
    let now = MovementCheck.sums(adapter, backend)
    let names = MovementCheck.matrices(of: adapter).map(\.name)
    let still = zip(names, zip(sums, now)).compactMap { $1.0 == $1.1 ? MovementCheck.short($0) : nil }
    if still.isEmpty { return nil }
    let matrices = adapter.vocabulary == .none ? "B matrices" : "B matrices and embeddings"
    let what =
      still.count == names.count
      ? "after \(step) steps the adapter is what it was: none of its \(names.count) \(matrices) has moved"
      : "after \(step) steps \(still.count) of the adapter's \(names.count) \(matrices) have not moved (\(still.shortList))"
    return TrainingWarning(
      .adapterDoesNotMove, step: step,
      "\(what). Their gradient or the learning rate is zero, or too small for float32: look at gradient_norm in metrics.jsonl, "
        + "training.learning_rate, and at the base's weights with 'puna inspect --verify'.")
  }

  private static func matrices(of adapter: LoRAAdapter) -> [Parameter] {
    adapter.modules.map(\.b) + TrainedVocabulary.Matrix.allCases.compactMap { adapter.trainedRows(of: $0)?.parameter }
  }

  private static func sums(_ adapter: LoRAAdapter, _ backend: any ComputeBackend) -> [UInt64] {
    matrices(of: adapter).map { parameter in
      let elements = parameter.elements
      return stride(from: elements.lowerBound, to: elements.upperBound, by: piece).reduce(0xCBF2_9CE4_8422_2325) { sum, begin in
        // FNV-1a over the bits.
        backend.read(adapter.parameters.values, begin..<min(begin + piece, elements.upperBound)).reduce(sum) {
          ($0 ^ UInt64($1.bitPattern)) &* 0x0000_0100_0000_01B3
        }
      }
    }
  }

  /// `layers.3.self_attn.q_proj`, or `embed_tokens`.
  private static func short(_ name: String) -> String {
    let parts = name.split(separator: ".")
    guard let layers = parts.firstIndex(of: "layers") else { return parts.dropLast().last.map(String.init) ?? name }
    return parts[layers...].prefix { $0 != "lora_B" }.joined(separator: ".")
  }
}
