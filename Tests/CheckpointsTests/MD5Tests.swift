import Checkpoints
import Testing

struct MD5Tests {
  private func digest(_ message: String) -> String {
    var hash = MD5()
    Array(message.utf8).withUnsafeBytes { hash.update($0) }
    return hash.hexDigest()
  }

  /// The test suite of RFC 1321, appendix A.5.
  @Test(arguments: [
    ("", "d41d8cd98f00b204e9800998ecf8427e"),
    ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
    ("12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a"),
  ])
  func digestsOfTheRFC(message: String, expected: String) { #expect(digest(message) == expected) }

  @Test(arguments: [1, 7, 55, 56, 63, 64, 65, 1000])
  func aMillionLettersInPieces(of count: Int) {
    let piece = [UInt8](repeating: UInt8(ascii: "a"), count: count)
    var hash = MD5()
    var remaining = 1_000_000
    while remaining > 0 {
      piece.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<min(count, remaining)])) }
      remaining -= count
    }
    #expect(hash.hexDigest() == "7707d6ae4e027c70eea2a935c2296f21")
  }
}
