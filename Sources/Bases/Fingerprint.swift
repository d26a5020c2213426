import Checkpoints
import Llama
import Tensors

/// Recognises the weights of a base whatever its layout and sharding: `Base.fingerprint` says what exactly is hashed.
package enum Fingerprint {
  static let pieceByteCount = 4096
  static let pieceCount = 16

  /// 64 hexadecimal digits.
  package static func compute(_ weights: some Sequence<StoredWeight>) -> String {
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

  package static func ranges(byteCount: Int) -> [Range<Int>] {
    guard byteCount > pieceCount * pieceByteCount else { return [0..<byteCount] }
    return (0..<pieceCount).map { index in
      let start = index * (byteCount - pieceByteCount) / (pieceCount - 1)
      return start..<start + pieceByteCount
    }
  }
}
