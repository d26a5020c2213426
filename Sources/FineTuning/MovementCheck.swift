import Llama
import Tensors

/// Looks whether training changes an adapter: which of its B matrices are, after some updates, what they were before the first.
///
/// A is not looked at: weight decay alone moves it, and under B = 0 it gets no gradient.
struct MovementCheck {
  /// Updates after which a B that gets any gradient has moved: AdamW's first moves it by the whole learning rate.
  static let updates = 10

  private let sums: [UInt64]

  /// - Parameter adapter: as it is before the run's first step.
  init(_ adapter: LoRAAdapter, on backend: any ComputeBackend) { sums = MovementCheck.sums(adapter, backend) }

  /// - Returns: what to say, if some or all matrices stand still.
  func warning(_ adapter: LoRAAdapter, on backend: any ComputeBackend, step: Int) -> TrainingWarning? {
    let now = MovementCheck.sums(adapter, backend)
    let names = MovementCheck.matrices(of: adapter).map { adapter.parameters.declarations[$0].name }
    let still = zip(names, zip(sums, now)).compactMap { $1.0 == $1.1 ? MovementCheck.short($0) : nil }
    if still.isEmpty { return nil }
    let what =
      still.count == names.count
      ? "after \(step) steps the adapter is what it was: none of its \(names.count) B matrices has moved"
      : "after \(step) steps \(still.count) of the adapter's \(names.count) B matrices have not moved (\(still.shortList))"
    return TrainingWarning(
      .adapterDoesNotMove, step: step,
      "\(what). Their gradient or the learning rate is zero, or too small for float32: look at gradient_norm in metrics.jsonl, "
        + "training.learning_rate, and at the base's weights with 'puna inspect --verify'.")
  }

  /// Parameters 2i + 1 are the B of module i.
  private static func matrices(of adapter: LoRAAdapter) -> [Int] {
    Array(stride(from: 1, to: adapter.parameters.declarations.count, by: 2))
  }

  private static func sums(_ adapter: LoRAAdapter, _ backend: any ComputeBackend) -> [UInt64] {
    let values = backend.read(adapter.parameters.values)
    return matrices(of: adapter).map { index in
      let parameter = adapter.parameters[index]
      // FNV-1a over the bits.
      return values[parameter.offset..<parameter.offset + parameter.rows * parameter.columns].reduce(0xCBF2_9CE4_8422_2325) {
        ($0 ^ UInt64($1.bitPattern)) &* 0x0000_0100_0000_01B3
      }
    }
  }

  /// `layers.3.self_attn.q_proj`
  private static func short(_ name: String) -> String {
    name.split(separator: ".").drop { $0 != "layers" }.prefix { $0 != "lora_B" }.joined(separator: ".")
  }
}
