import Adapters
import Llama
import Tensors
import TestSupport
import Testing

@Suite("Norms of an adapter")
struct NormTests {
  private func module(_ rank: Int, _ projection: Projection = .q) -> PEFTAdapter.Module {
    let (outputs, inputs) = projection.shape(in: TinyAdapter.shape)
    func values(_ count: Int, _ seed: Int) -> [Float] { (0..<count).map { Float(($0 * 37 + seed) % 19 - 9) / 8 } }
    return PEFTAdapter.Module(
      layer: 1, projection: projection, rank: rank, alpha: 8, scale: -3, a: values(rank * inputs, rank), b: values(outputs * rank, 5))
  }

  private func weight(_ projection: Projection, rows: Int? = nil) -> StoredWeight {
    let (outputs, inputs) = projection.shape(in: TinyAdapter.shape)
    let bytes = (0..<outputs * inputs).flatMap { TinyAdapter.bytes(Float($0 / inputs + 1)) }
    let segment = WeightSegment(
      bytes: MappedBytes(bytes), dtype: .float32, rows: 0..<outputs, columns: 0..<inputs, rowByteStride: 4 * inputs)
    return StoredWeight(name: projection.weightName(layer: 1), shape: [outputs, inputs], segments: [segment])
  }

  private func norms(_ module: PEFTAdapter.Module, _ weight: StoredWeight?, rowLimit: Int = 256) -> PEFTAdapter.ModuleNorm? {
    let configuration = PEFTConfiguration(targetModules: .names(["q_proj"]))
    let adapter = PEFTAdapter(configuration: configuration, modules: [module])
    return adapter.norms(beside: weight.map { [$0.name: $0] } ?? [:], rowLimit: rowLimit).first
  }

  /// Against B A made in Double.
  @Test(arguments: [1, 2, 5], [Projection.q, .down]) func areThoseOfTheProduct(rank: Int, projection: Projection) throws {
    let module = module(rank, projection)
    let (outputs, inputs) = projection.shape(in: TinyAdapter.shape)
    var square = 0.0
    for row in 0..<outputs {
      for column in 0..<inputs {
        let sum = (0..<rank).reduce(0.0) { $0 + Double(module.b[row * rank + $1]) * Double(module.a[$1 * inputs + column]) }
        square += 9 * sum * sum
      }
    }
    let norm = try #require(norms(module, nil))
    #expect(abs(norm.norm - square.squareRoot()) <= 1e-12 * square.squareRoot() && norm.share == nil && norm.layer == 1)
    let whole = (1...outputs).reduce(0.0) { $0 + Double(inputs * $1 * $1) }.squareRoot()
    let share = try #require(norms(module, weight(projection))?.share)
    #expect(abs(share - norm.norm / whole) < 1e-12)
    // Rows 1, 3, 5, ... of as many stand for all.
    let few = try #require(norms(module, weight(projection), rowLimit: outputs / 2)?.share)
    let half = stride(from: 1, through: outputs, by: 2).reduce(0.0) { $0 + Double(2 * inputs * $1 * $1) }.squareRoot()
    #expect(abs(few - norm.norm / half) < 1e-12)
  }

  @Test func anAdapterThatDoesNothingHasNone() throws {
    var module = module(2)
    module.b = module.b.map { _ in 0 }
    #expect(norms(module, weight(.q)) == PEFTAdapter.ModuleNorm(layer: 1, projection: .q, norm: 0, share: 0))
  }
}
