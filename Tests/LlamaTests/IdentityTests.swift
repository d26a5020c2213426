import CPUBackend
import Llama
import Tensors
import TestSupport
import Testing

/// What must be equal, to the bit or to rounding, whatever the way it is computed.
@Suite(.serialized) struct IdentityTests {
  let tiny = TinyModel(TinyModel.small)
  static let precisions = Precision.allCases.filter { $0 == .float32 || InstructionSet.best.multipliesBFloat16 }

  struct Run {
    let loss: Double
    let gradients: [Float]
  }

  func run(_ batches: [PackedBatch], precision: Precision = .float32, threads: Int = 2, dropout: Double = 0, recomputes: Bool = false)
    throws -> Run
  {
    let backend = try CPUBackend(precision: precision, threads: threads)
    let modules = tiny.modules(Projection.allCases, rank: 3, scale: 1.5, seed: 5)
    let frozen = LoRAAdapter(tiny.modules([.q, .down], rank: 2, scale: 0.5, seed: 6), configuration: tiny.configuration, on: backend)
    let adapter = LoRAAdapter(modules, isTrained: true, dropout: dropout, configuration: tiny.configuration, on: backend)
    let model = try LlamaModel(weights: tiny.weights, adapters: [frozen, adapter], on: backend)
    let count = batches.reduce(0) { $0 + $1.targets.count }
    var sum = 0.0
    for batch in batches {
      let scores = model.accumulateGradients(
        batch, weights: batch.targets.map { _ in 1 / Float(count) }, dropout: DropoutKey(seed: 3, step: 4), recomputes: recomputes)
      sum -= backend.read(scores.logProbabilities).reduce(0) { $0 + Double($1) }
    }
    return Run(loss: sum / Double(count), gradients: try #require(adapter.parameters.gradients.map { backend.read($0) }))
  }

  static func sequence(_ tokens: [Int], from first: Int) -> (tokens: [Int], supervised: [Bool]) {
    (tokens, tokens.indices.map { $0 >= first })
  }

  static let sequences = [
    sequence([1, 5, 6, 7, 8, 9, 10, 2], from: 4), sequence([1, 5, 6, 7, 8, 11, 2], from: 4), sequence([1, 5, 6, 20, 21, 2], from: 3),
    sequence([1, 3, 2], from: 1),
  ]

  /// The same four sequences with shared beginnings: 1 | 5 6 | 7 8 | 9 10 2, 11 2 | 20 21 2 | 3 2.
  static let shared = PackedBatch(
    tokens: [1, 5, 6, 7, 8, 9, 10, 2, 11, 2, 20, 21, 2, 3, 2],
    segments: [
      PackedBatch.Segment(rows: 0..<1, parent: .none, position: 0),
      PackedBatch.Segment(rows: 1..<3, parent: .segment(0), position: 1),
      PackedBatch.Segment(rows: 3..<5, parent: .segment(1), position: 3),
      PackedBatch.Segment(rows: 5..<8, parent: .segment(2), position: 5),
      PackedBatch.Segment(rows: 8..<10, parent: .segment(2), position: 5),
      PackedBatch.Segment(rows: 10..<13, parent: .segment(1), position: 3),
      PackedBatch.Segment(rows: 13..<15, parent: .segment(0), position: 1),
    ],
    targets: [
      (0, 3), (2, 20), (3, 8), (3, 8), (4, 9), (4, 11), (5, 10), (6, 2), (8, 2), (10, 21), (11, 2), (13, 2),
    ].map { PackedBatch.Target(row: $0.0, token: $0.1) })

  static func difference(_ left: [Float], _ right: [Float]) -> Double {
    let norm = left.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return zip(left, right).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot() / norm
  }

  @Test(arguments: [0.0, 0.4]) func sharedBeginningsEqualSeparateSequences(dropout: Double) throws {
    // Rows 3..4 of the two long sequences coincide, so [.., 8] is a target twice.
    let separate = try run([PackedBatch(sequences: Self.sequences)], dropout: dropout)
    let packed = try run([Self.shared], dropout: dropout)
    #expect(abs(packed.loss - separate.loss) < 1e-6 * separate.loss)
    #expect(Self.difference(separate.gradients, packed.gradients) < 1e-5)
  }

  @Test(arguments: precisions) func oneBatchEqualsFour(precision: Precision) throws {
    let together = try run([PackedBatch(sequences: Self.sequences)], precision: precision)
    let apart = try run(Self.sequences.map { PackedBatch(sequences: [$0]) }, precision: precision)
    #expect(abs(together.loss - apart.loss) < 1e-6 * together.loss)
    #expect(Self.difference(together.gradients, apart.gradients) < 1e-5)
  }

  @Test(arguments: precisions) func threadsDoNotMatter(precision: Precision) throws {
    let one = try run([Self.shared], precision: precision, threads: 1)
    for threads in [2, 3] {
      let more = try run([Self.shared], precision: precision, threads: threads)
      #expect(one.loss == more.loss && one.gradients == more.gradients)
    }
  }

  @Test(arguments: precisions) func recomputationChangesNoBit(precision: Precision) throws {
    let kept = try run([Self.shared], precision: precision, dropout: 0.3)
    let recomputed = try run([Self.shared], precision: precision, dropout: 0.3, recomputes: true)
    #expect(kept.loss == recomputed.loss && kept.gradients == recomputed.gradients)
  }

  @Test func dropoutChangesTheResult() throws {
    let kept = try run([Self.shared])
    let dropped = try run([Self.shared], dropout: 0.3)
    #expect(kept.loss != dropped.loss && Self.difference(kept.gradients, dropped.gradients) > 1e-3)
  }

  /// Masks belong to the text, so the loss under dropout is a function of the parameters, whose slope the gradient must be.
  @Test func gradientsUnderDropoutAreSlopesOfTheLoss() throws {
    let modules = tiny.modules(Projection.allCases, rank: 3, scale: 1.5, seed: 5)
    let direction = tiny.modules(Projection.allCases, rank: 3, scale: 1.5, seed: 77)
    func loss(_ distance: Float) throws -> (value: Double, gradients: [Float]) {
      let backend = try CPUBackend(precision: .float32, threads: 2)
      let moved = zip(modules, direction).map { module, direction in
        LoRAAdapter.Module(
          layer: module.layer, projection: module.projection, rank: module.rank, scale: module.scale,
          a: zip(module.a, direction.a).map { $0 + distance * $1 }, b: zip(module.b, direction.b).map { $0 + distance * $1 })
      }
      let adapter = LoRAAdapter(moved, isTrained: true, dropout: 0.3, configuration: tiny.configuration, on: backend)
      let model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
      let scores = model.accumulateGradients(
        Self.shared, weights: Self.shared.targets.map { _ in 1 }, dropout: DropoutKey(seed: 3, step: 4))
      let value = -backend.read(scores.logProbabilities).reduce(0.0) { $0 + Double($1) }
      return (value, try #require(adapter.parameters.gradients.map { backend.read($0) }))
    }
    let distance: Float = 1e-2
    let slope = (try loss(distance).value - loss(-distance).value) / Double(2 * distance)
    let flat = direction.flatMap { $0.a + $0.b }
    let expected = zip(try loss(0).gradients, flat).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(expected) > 0.05 && abs(slope - expected) < 2e-3 * abs(expected) + 1e-4, "slope \(slope), gradient \(expected)")
  }

  @Test(arguments: precisions) func zeroBLeavesLogitsAsTheyAre(precision: Precision) throws {
    let backend = try CPUBackend(precision: precision, threads: 2)
    let modules = Projection.allCases.map {
      LoRAAdapter.Module.initialized(layer: 1, projection: $0, rank: 4, scale: 2, seed: 9, configuration: tiny.configuration)
    }
    let adapter = LoRAAdapter(modules, configuration: tiny.configuration, on: backend)
    let adapted = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let plain = try LlamaModel(weights: tiny.weights, on: backend)
    let rows = Array(Int32(0)..<Int32(Self.shared.rowCount))
    #expect(backend.read(adapted.logits(Self.shared, rows: rows)) == backend.read(plain.logits(Self.shared, rows: rows)))
  }

  @Test func adapterSetZeroIsTheBase() throws {
    let backend = try CPUBackend(precision: .float32, threads: 2)
    let adapter = LoRAAdapter(
      tiny.modules(Projection.allCases, rank: 2, scale: 1, seed: 2), configuration: tiny.configuration, on: backend)
    let adapted = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let plain = try LlamaModel(weights: tiny.weights, on: backend)
    let bare = PackedBatch(sequences: Self.sequences, adapterSet: 0)
    let rows = Array(Int32(0)..<Int32(bare.rowCount))
    let expected = backend.read(plain.logits(bare, rows: rows))
    #expect(backend.read(adapted.logits(bare, rows: rows)) == expected)
    #expect(backend.read(adapted.logits(PackedBatch(sequences: Self.sequences), rows: rows)) != expected)
  }

  static let askedRows: [[Int32]] = [[3], [14, 0, 9, 9], (0..<24).reversed()]

  /// Segments with and without the adapters side by side; rows in any order, and twice.
  @Test(arguments: askedRows) func logitsOfSomeRowsAreThoseAmongAll(rows: [Int32]) throws {
    let backend = try CPUBackend(precision: .float32, threads: 2)
    let adapter = LoRAAdapter(
      tiny.modules(Projection.allCases, rank: 2, scale: 1, seed: 2), configuration: tiny.configuration, on: backend)
    let model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let tokens = (0..<24).map { Int32(1 + $0 * 5 % 20) }
    let segments = [(0..<7, 1), (7..<15, 0), (15..<24, 1)].map { rows, adapterSet in
      PackedBatch.Segment(rows: rows, parent: .none, position: 0, adapterSet: adapterSet)
    }
    let batch = PackedBatch(tokens: tokens, segments: segments, targets: [])
    let all = backend.read(model.logits(batch, rows: Array(0..<24)))
    let width = tiny.configuration.vocabularySize
    let expected = rows.flatMap { all[Int($0) * width..<Int($0 + 1) * width] }
    let found = backend.read(model.logits(batch, rows: rows))
    #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func continuingACacheEqualsOneBatch() throws {
    let backend = try CPUBackend(precision: .float32, threads: 2)
    let model = try LlamaModel(weights: tiny.weights, on: backend)
    let tokens = [1, 5, 6, 7, 8, 9, 10, 2].map(Int32.init)
    let whole = backend.read(
      model.logits(
        PackedBatch(tokens: tokens, segments: [PackedBatch.Segment(rows: 0..<8, parent: .none, position: 0)], targets: []), rows: [7]))
    let cache = KVCache(capacity: 16, configuration: tiny.configuration, on: backend)
    let prefix = try #require(cache.makeResident(limit: 3))
    let rest = try #require(cache.makeResident(continuing: prefix, limit: 8))
    var last: [Float] = []
    for (range, resident) in [(0..<3, prefix), (3..<7, nil), (7..<8, nil)] {
      let parent = resident ?? rest
      let position = cache.nextPosition(of: parent)
      #expect(position == range.lowerBound)
      let segment = PackedBatch.Segment(rows: 0..<range.count, parent: .resident(parent), position: position)
      let batch = PackedBatch(tokens: Array(tokens[range]), segments: [segment], targets: [])
      last = backend.read(model.logits(batch, rows: [Int32(range.count - 1)], cache: cache))
    }
    #expect(zip(last, whole).allSatisfy { abs($0 - $1) < 1e-5 })
  }
}
