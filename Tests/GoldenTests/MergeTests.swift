import Adapters
import Bases
import CPUBackend
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Merges of the reference models against PEFT's, with the kernels that run.
@Suite(.serialized) struct MergeTests {
  private func merge(_ golden: GoldenCase, _ precision: MergeOptions.Precision, threads: Int = 2) throws -> (
    merged: Base, folder: TemporaryFolder
  ) {
    let folder = try TemporaryFolder()
    let base = try Base.open("\(golden.path)/base")
    let inputs = try AdapterStack.open([("\(golden.path)/adapter", 1)], for: base, use: .merging)
    var options = MergeOptions(output: folder.file("out"))
    options.precision = precision
    options.maximumShardSize = 60_000
    let merge = try Merge(
      base: base, files: ModelFiles(of: base), inputs: inputs, tokenizers: [ModelFiles([:])], options: options)
    let backend = try CPUBackend(precision: .float32, threads: threads)
    _ = try merge.run(on: backend, version: "test") { _ in (nil, []) }
    return (try Base.open(options.output), folder)
  }

  private func values(_ base: Base, _ name: String) throws -> [Double] {
    let weight = try #require(base.weights[name])
    var bytes: [UInt8] = []
    weight.withBytes(at: 0..<weight.byteCount) { bytes += Array($0) }
    return bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / weight.dtype.byteCount).map { PlainMerger.element(bytes, $0, weight.dtype) }
    }
  }

  /// The next number of the type above, in magnitude.
  private func spacing(_ value: Double, _ precision: MergeOptions.Precision) -> Double {
    precision == .bfloat16 ? Double(Float(value).ulp) * 65536 : Double(Float16(value).ulp)
  }

  @Test(.enabled(if: SharedFiles.exist, "needs the larger goldens beside the package"), arguments: GoldenCase.shared)
  func float32AsPEFT(golden: GoldenCase) throws {
    let merged = try merge(golden, .float32)
    let expected = try SafetensorsFile.open("\(golden.path)/merged/model.safetensors")
    #expect(
      Set(expected.tensors.map(\.name)).subtracting(["lm_head.weight"]) == Set(merged.merged.weights.keys).subtracting(["lm_head.weight"]))
    for tensor in expected.tensors where merged.merged.weights[tensor.name] != nil {
      #expect(relativeError(try values(merged.merged, tensor.name).map(Float.init), try #require(tensor.floats())) < 1e-6, "\(tensor.name)")
    }
  }

  @Test(
    .enabled(if: SharedFiles.exist, "needs the larger goldens beside the package"), arguments: GoldenCase.shared,
    [MergeOptions.Precision.bfloat16, .float16])
  func halvesDifferFromPEFTsRoundedOnceByOneStepAtMost(golden: GoldenCase, precision: MergeOptions.Precision) throws {
    let merged = try merge(golden, precision)
    let expected = try SafetensorsFile.open("\(golden.path)/merged/model.safetensors")
    var (count, different) = (0, 0)
    for tensor in expected.tensors where merged.merged.weights[tensor.name] != nil {
      for (found, exact) in zip(try values(merged.merged, tensor.name), try #require(tensor.floats())) {
        let rounded =
          precision == .bfloat16 ? Double(Float(bitPattern: UInt32(PlainMerger.bfloat16(Double(exact))) << 16)) : Double(Float16(exact))
        count += 1
        guard found != rounded else { continue }
        different += 1
        #expect(abs(found - rounded) <= spacing(max(abs(found), abs(rounded)), precision))
      }
    }
    #expect(Double(different) <= 0.001 * Double(count), "\(different) of \(count)")
  }

  /// The small set, whose adapters PEFT merges as the formula says: bits of the Double sum rounded once, whatever computes it.
  @Test(arguments: GoldenCase.own, MergeOptions.Precision.allCases)
  func bitsAreThoseOfTheSumRoundedOnce(golden: GoldenCase, precision: MergeOptions.Precision) throws {
    let base = try Base.open("\(golden.path)/base")
    let adapter = try PEFTAdapter.open("\(golden.path)/adapter", for: base, use: .merging)
    for threads in [1, 2] {
      let merged = try merge(golden, precision, threads: threads)
      for (name, weight) in base.weights {
        var expected = try values(base, name)
        if let delta = adapter.deltas.first(where: { $0.weightName == name }) {
          for index in expected.indices {
            let (row, column) = (index / delta.columns, index % delta.columns)
            let sum = (0..<delta.rank).reduce(0.0) {
              $0 + Double(delta.b[row * delta.rank + $1]) * Double(delta.a[$1 * delta.columns + column])
            }
            expected[index] += delta.scale * sum
          }
        }
        var bytes = [UInt8](repeating: 0, count: expected.count * (precision == .float32 ? 4 : 2))
        let dtype = merged.merged.weights[name]?.dtype ?? weight.dtype
        bytes.withUnsafeMutableBytes { bytes in
          for (index, value) in expected.enumerated() { _ = PlainMerger.store(value, bytes, index, dtype) }
        }
        var found: [UInt8] = []
        merged.merged.weights[name]?.withBytes(at: 0..<bytes.count) { found += Array($0) }
        #expect(found == bytes, "\(name)")
      }
    }
  }
}
