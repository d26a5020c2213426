import Checkpoints
import Tokenizers

extension Tokenizer {
  /// SHA-256 over all pieces.
  func fingerprint() throws -> String {
    var digest = SHA256()
    for id in 0..<Int32(clamping: vocabularySize) { digest.update(try piece(id) + "\n") }
    return digest.hexDigest()
  }
}
