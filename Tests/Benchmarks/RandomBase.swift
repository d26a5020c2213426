import Llama
import Tensors

/// A base of random bfloat16 weights in memory.
enum RandomBase {
  /// The shape of TinyLlama 1.1B.
  static func tinyLlama(layers: Int) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: 32_000, hiddenSize: 2048, intermediateSize: 5632, layerCount: layers, headCount: 32, keyValueHeadCount: 4,
      headDimension: 64, normEpsilon: 1e-5)
  }

  static func weights(_ configuration: LlamaConfiguration) -> [String: StoredWeight] {
    var weights: [String: StoredWeight] = [:]
    for (index, tensor) in configuration.expectedTensors.enumerated() {
      let (rows, columns) = tensor.shape.count == 1 ? (1, tensor.shape[0]) : (tensor.shape[0], tensor.shape[1])
      let owner = RandomBytes(byteCount: rows * columns * 2, seed: UInt64(index))
      // Norms' scales too are small: what they normalise stays of the size that products of these weights expect.
      let segment = WeightSegment(
        bytes: MappedBytes(owner: owner), dtype: .bfloat16, rows: 0..<rows, columns: 0..<columns, rowByteStride: columns * 2)
      weights[tensor.name] = StoredWeight(name: tensor.name, shape: tensor.shape, segments: [segment])
    }
    return weights
  }

  private final class RandomBytes: ByteOwner, @unchecked Sendable {
    let byteCount: Int
    private let buffer: Buffer

    init(byteCount: Int, seed: UInt64) {
      self.byteCount = byteCount
      buffer = Buffer(byteCount: byteCount, hugePages: false)
      buffer.fillRandomly(float32: false, seed: seed)
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
      try body(UnsafeRawBufferPointer(start: buffer.pointer, count: byteCount))
    }
  }
}
