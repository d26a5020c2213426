import Adapters
import Bases
import Llama
import Tensors
import TestSupport
import Testing

/// What the elements of a merged model are.
@Suite struct MergeArithmeticTests {
  /// `W + Σ weight · scale · B A` of one projection in Double.
  private func expected(_ base: Base, _ name: String, _ adapters: [(PEFTAdapter, Double)]) throws -> [Double] {
    var values = try base.values(name)
    var deltas = [Double](repeating: 0, count: values.count)
    for (adapter, weight) in adapters {
      for delta in adapter.deltas where delta.weightName == name {
        for row in 0..<delta.rows {
          for column in 0..<delta.columns {
            var sum = 0.0
            for index in 0..<delta.rank {
              sum += Double(delta.b[row * delta.rank + index]) * Double(delta.a[index * delta.columns + column])
            }
            deltas[row * delta.columns + column] += weight * delta.scale * sum
          }
        }
      }
    }
    for index in values.indices { values[index] += deltas[index] }
    return values
  }

  private func rounded(_ value: Double, _ precision: MergeOptions.Precision) -> Double {
    switch precision {
    case .bfloat16: Double(Float(bitPattern: UInt32(PlainMerger.bfloat16(value)) << 16))
    case .float16: Double(Float16(value))
    case .float32: Double(Float(value))
    }
  }

  @Test(arguments: ["BF16", "F16", "F32"], MergeOptions.Precision.allCases)
  func twoWeightedAdaptersAreTheSumRoundedOnce(dtype: String, precision: MergeOptions.Precision) throws {
    let test = try MergeCase()
    test.dtype = dtype
    // alpha / rank, and alpha / √rank as under rsLoRA.
    let adapters = [
      (test.adapter("a", [.q, .v, .down], scale: 4), 0.7),
      (test.adapter("b", [.v, .o], rank: 3, scale: 5 / 3.0.squareRoot(), seed: 2), 0.3),
    ]
    let base = try test.base()
    let merged = try test.run(adapters) { $0.precision = precision }
    for tensor in test.configuration.expectedTensors {
      let exact = try expected(base, tensor.name, adapters)
      #expect(try merged.values(tensor.name) == exact.map { rounded($0, precision) }, "\(tensor.name)")
    }
  }

  @Test func theOrderOfAdaptersDoesNotMatter() throws {
    let test = try MergeCase()
    test.dtype = "F32"
    let adapters = (0..<3).map { index -> (PEFTAdapter, Double) in
      let number = Double(index)
      return (test.adapter("\(index)", scale: 1 + number / 3, seed: UInt64(index)), 0.1 * (number + 1))
    }
    var found: Set<[Double]> = []
    for (index, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]].enumerated() {
      let merged = try test.run(order.map { adapters[$0] }) { $0.output += "\(index)" }
      found.insert(try merged.values("model.layers.1.self_attn.v_proj.weight"))
    }
    #expect(found.count == 1)
  }

  @Test func untouchedTensorsKeepTheirBytesAndMixedTypesStay() throws {
    let test = try MergeCase()
    let base = try test.base()
    let merged = try test.run([(test.adapter("a", [.gate]), 1)])
    for (name, weight) in base.weights where !name.contains("gate_proj") {
      #expect(try merged.values(name) == base.values(name))
      #expect(merged.weights[name]?.dtype == weight.dtype)
    }
    #expect(try merged.values("model.layers.0.mlp.gate_proj.weight") != base.values("model.layers.0.mlp.gate_proj.weight"))
  }

  @Test func withoutAnAdapterItConverts() throws {
    let test = try MergeCase()
    let base = try test.base()
    let same = try test.run([])
    #expect(same.fingerprint() == base.fingerprint())
    let wide = try test.run([]) {
      $0.output += "2"
      $0.precision = .float32
    }
    for name in base.weights.keys { #expect(try wide.values(name) == base.values(name) && wide.weights[name]?.dtype == .float32) }
  }

  /// PEFT: `magnitude / ‖W + scale B A‖ · (W + scale B A)`, the length of each row of the whole weight.
  @Test func doraScalesEachRowToItsMagnitude() throws {
    let test = try MergeCase()
    test.dtype = "F32"
    let adapter = test.adapter("a", [.q], magnitude: true)
    let base = try test.base()
    let merged = try test.run([(adapter, 1)])
    for layer in 0..<2 {
      let name = Projection.q.weightName(layer: layer)
      let sum = try expected(base, name, [(adapter, 1)])
      let found = try merged.values(name)
      let magnitude = try #require(adapter.modules[layer].magnitude)
      for row in 0..<8 {
        let elements = sum[row * 8..<row * 8 + 8]
        let length = elements.map { $0 * $0 }.reduce(0, +).squareRoot()
        for column in 0..<8 {
          #expect(abs(found[row * 8 + column] - Double(magnitude[row]) / length * elements[row * 8 + column]) < 1e-7)
        }
      }
    }
    // Beside others it has no meaning.
    let message = try test.problems { _ = try test.merge([(test.adapter("b", [.q], seed: 5), 1), (adapter, 1)]) { $0.output += "2" } }
    #expect(
      message == """
        'model.layers.0.self_attn.q_proj.weight': DoRA scales what all adapters before it made of a row; merge it alone and with weight 1.
        'model.layers.1.self_attn.q_proj.weight': DoRA scales what all adapters before it made of a row; merge it alone and with weight 1.
        """)
  }

  @Test func overflowAndWhatIsNotFiniteAreNamed() throws {
    let test = try MergeCase()
    test.dtype = "F32"
    let name = "model.layers.0.self_attn.q_proj.weight"
    test.values[name] = [Double](repeating: 1e6, count: 64)
    let adapter = test.adapter("a", [.v])
    #expect(
      try test.problems { try test.run([(adapter, 1)]) { $0.precision = .float16 } } == """
        '\(name)': element 0 is 1000000.0, which float16 cannot hold (it ends at 65504). Merge with --dtype bfloat16.
        """)
    test.values[name] = [Double](repeating: 1, count: 63) + [.nan]
    #expect(
      try test.problems { try test.run([(adapter, 1)]) { $0.precision = .bfloat16 } }
        == "The base's '\(name)' holds nan (element 63); a merge of it would be useless.")
    #expect(test.folder.names == ["base"], "nothing is left of a merge that failed")
  }

  /// Half a step above the largest: rounding alone reaches infinity.
  @Test func roundingUpToInfinityIsOverflow() throws {
    let test = try MergeCase()
    test.dtype = "F32"
    let name = "model.layers.0.self_attn.k_proj.weight"
    test.values[name] = [65519] + [Double](repeating: 1, count: 31)
    #expect(try test.run([]) { $0.precision = .float16 }.values(name)[0] == 65504)
    test.values[name] = [Double](repeating: 1, count: 31) + [-65520]
    #expect(
      try test.problems {
        try test.run([]) {
          $0.precision = .float16
          $0.output += "2"
        }
      } == "'\(name)': element 31 is -65520.0, which float16 cannot hold (it ends at 65504). Merge with --dtype bfloat16.")
  }
}
