import Checkpoints
import Llama
import Tensors

/// Recognises the weights of a base whatever its layout and sharding, by reading a few megabytes of it.
///
/// SHA-256 over, for every tensor in the order of the UTF-8 bytes of its Hugging Face name: the line
///
///     name dtype [dimension, dimension]\n
///
/// in UTF-8 (`model.norm.weight BF16 [4096]`, dtype as in safetensors), then bytes of its elements, little-endian, row-major, in
/// Hugging Face row order. Of n ≤ 65,536 bytes all; of more, the 4,096 bytes from byte `⌊i · (n - 4096) / 15⌋` on for i = 0...15.
/// A head `lm_head.weight` whose line (but for the name) and bytes are those of `model.embed_tokens.weight` does not count, so that
/// a tied head has no say whether stored or not.
enum Fingerprint {
  static let pieceByteCount = 4096
  static let pieceCount = 16

  /// 64 hexadecimal digits.
  static func compute(_ weights: some Sequence<StoredWeight>) -> String {
    var sorted = weights.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    if let head = sorted.first(where: { $0.name == "lm_head.weight" }),
      let embedding = sorted.first(where: { $0.name == "model.embed_tokens.weight" }), digest(of: head) == digest(of: embedding)
    {
      sorted.removeAll { $0.name == head.name }
    }
    var hash = SHA256()
    for weight in sorted {
      hash.update(weight.name)
      update(&hash, with: weight)
    }
    return hash.hexDigest()
  }

  /// Of everything but the name.
  private static func digest(of weight: StoredWeight) -> String {
    var hash = SHA256()
    update(&hash, with: weight)
    return hash.hexDigest()
  }

  private static func update(_ hash: inout SHA256, with weight: StoredWeight) {
    hash.update(" \(weight.dtype.safetensorsName) \(weight.shape)\n")
    for range in ranges(byteCount: weight.byteCount) { weight.withBytes(at: range) { hash.update($0) } }
  }

  static func ranges(byteCount: Int) -> [Range<Int>] {
    guard byteCount > pieceCount * pieceByteCount else { return [0..<byteCount] }
    return (0..<pieceCount).map { index in
      let start = index * (byteCount - pieceByteCount) / (pieceCount - 1)
      return start..<start + pieceByteCount
    }
  }
}
