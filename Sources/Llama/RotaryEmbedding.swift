import Glibc
import Tensors

/// Rotary position embedding (Su et al., arXiv 2104.09864): each pair of features of a head turns by position · inverse frequency.
///
/// Frequencies, and their product with the position, are float32 as in transformers: computing them more precisely gives other numbers
/// than every existing model was trained with.
struct RotaryEmbedding {
  /// Radians per position, [head dimension / 2].
  let inverseFrequencies: [Float]
  private var table: RotaryTable?
  private var tabulated = 0

  init(_ configuration: LlamaConfiguration) {
    let dimension = configuration.headDimension
    let base = Float(configuration.ropeTheta)
    let plain = stride(from: 0, to: dimension, by: 2).map { 1 / powf(base, Float($0) / Float(dimension)) }
    inverseFrequencies = plain.map { RotaryEmbedding.scale($0, configuration.ropeScaling) }
  }

  private static func scale(_ frequency: Float, _ scaling: RotaryScaling) -> Float {
    switch scaling {
    case .none: return frequency
    case .linear(let factor): return frequency / Float(factor)
    case .llama3(let factor, let low, let high, let positions):
      let wavelength = 2 * Float.pi / frequency
      let longest = Float(Double(positions) / low)
      let shortest = Float(Double(positions) / high)
      if wavelength > longest { return frequency / Float(factor) }
      if wavelength < shortest { return frequency }
      let smooth = (Float(positions) / wavelength - Float(low)) / Float(high - low)
      return (1 - smooth) * frequency / Float(factor) + smooth * frequency
    }
  }

  /// Cosines and sines of at least the first `positions` positions; the table doubles when it must grow.
  mutating func table(positions: Int, on backend: any ComputeBackend) -> RotaryTable {
    if let table, positions <= tabulated { return table }
    var count = max(256, tabulated)
    while count < positions { count *= 2 }
    let half = inverseFrequencies.count
    var cosines = [Float](repeating: 0, count: count * half)
    var sines = cosines
    for position in 0..<count {
      for (index, frequency) in inverseFrequencies.enumerated() {
        let angle = Float(position) * frequency
        cosines[position * half + index] = cosf(angle)
        sines[position * half + index] = sinf(angle)
      }
    }
    let made = RotaryTable(
      cosines: backend.makeTensor(cosines, rows: 1, columns: count * half), sines: backend.makeTensor(sines, rows: 1, columns: count * half)
    )
    table = made
    tabulated = count
    return made
  }
}
