/// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// The n-th number of a stream is a pure function of (seed, stream, n): resuming, reordering and threading cannot change it.
public struct Philox: Sendable {
  private let key: (UInt32, UInt32)
  private let stream: UInt64
  private var counter: UInt64 = 0
  private var buffer: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  private var used = 4

  /// Stream `stream` of `seed`, from number `position` on (counted in 32-bit numbers, rounded down to a multiple of four).
  public init(seed: UInt64, stream: UInt64, position: UInt64 = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = stream
    counter = position / 4
  }

  /// The four numbers at `counter`: ten rounds of the Philox bijection.
  public static func block(counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)) -> (UInt32, UInt32, UInt32, UInt32) {
    var (c0, c1, c2, c3) = counter
    var (k0, k1) = key
    for _ in 0..<10 {
      let low = UInt64(c0) * 0xD251_1F53
      let high = UInt64(c2) * 0xCD9E_8D57
      (c0, c1, c2, c3) = (
        UInt32(truncatingIfNeeded: high >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: high),
        UInt32(truncatingIfNeeded: low >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: low)
      )
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }

  public mutating func next32() -> UInt32 {
    if used == 4 {
      buffer = Philox.block(
        counter: (
          UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
          UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
        ), key: key)
      counter += 1
      used = 0
    }
    defer { used += 1 }
    switch used {
    case 0: return buffer.0
    case 1: return buffer.1
    case 2: return buffer.2
    default: return buffer.3
    }
  }

  /// Uniform in [0, 1) with 24 random bits.
  public mutating func nextUniform() -> Float { Float(next32() >> 8) * 0x1p-24 }
}

extension Philox: RandomNumberGenerator {
  public mutating func next() -> UInt64 { UInt64(next32()) | UInt64(next32()) << 32 }
}

/// The independent streams that one seed is split into, so that a change in one place never moves the numbers of another.
public enum RandomStream {
  public static let initialization: UInt64 = 1 << 32
  public static let shuffle: UInt64 = 2 << 32
  public static let validationSplit: UInt64 = 3 << 32
  public static let mixing: UInt64 = 4 << 32
  public static let dropout: UInt64 = 5 << 32
  public static let sampling: UInt64 = 6 << 32
  /// Of a grown vocabulary: the embedding, then the head.
  public static let newRows: UInt64 = 7 << 32
}
