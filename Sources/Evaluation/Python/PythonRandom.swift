/// Python's `random.Random`, as far as drawing worked examples needs it: the same seed draws the same rows as lm-evaluation-harness.
///
/// MT19937 (Matsumoto and Nishimura, ACM TOMACS 8(1), 1998), seeded by `init_by_array` as CPython seeds it from a whole number.
package struct PythonRandom: Sendable {
  private static let size = 624
  private static let shift = 397
  private var state: [UInt32]
  private var next = PythonRandom.size

  /// As `random.Random(seed)`.
  package init(seed: UInt64) {
    var key = [UInt32(truncatingIfNeeded: seed)]
    if seed > UInt64(UInt32.max) { key.append(UInt32(truncatingIfNeeded: seed >> 32)) }
    state = PythonRandom.state(from: 19_650_218)

    var i = 1
    var j = 0
    func mixed(_ factor: UInt32) -> UInt32 { state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* factor) }
    func advance() {
      i += 1
      guard i == PythonRandom.size else { return }
      state[0] = state[PythonRandom.size - 1]
      i = 1
    }
    for _ in 0..<PythonRandom.size {
      state[i] = mixed(1_664_525) &+ key[j] &+ UInt32(j)
      advance()
      j = (j + 1) % key.count
    }
    for _ in 1..<PythonRandom.size {
      state[i] = mixed(1_566_083_941) &- UInt32(i)
      advance()
    }
    state[0] = 0x8000_0000
  }

  /// `count` different numbers below `population`, as `random.sample(range(population), count)`.
  ///
  /// - Precondition: `0 <= count <= population`.
  package mutating func sample(_ count: Int, from population: Int) -> [Int] {
    precondition(0 <= count && count <= population, "a sample is part of its population")
    // CPython keeps a list of what is left, or a set of what was taken, whichever is smaller.
    var listLimit = 21
    if count > 5 {
      var power = 1
      while power < 3 * count { power *= 4 }
      listLimit += power
    }
    if population <= listLimit {
      var pool = Array(0..<population)
      return (0..<count).map { taken in
        let left = population - taken
        let index = below(left)
        defer { pool[index] = pool[left - 1] }
        return pool[index]
      }
    }
    var taken: Set<Int> = []
    return (0..<count).map { _ in
      var index = below(population)
      while !taken.insert(index).inserted { index = below(population) }
      return index
    }
  }

  /// A number below `bound`, as `Random._randbelow`.
  private mutating func below(_ bound: Int) -> Int {
    let bitCount = Int.bitWidth - bound.leadingZeroBitCount
    var number = bits(bitCount)
    while number >= bound { number = bits(bitCount) }
    return number
  }

  /// As `getrandbits`: words from the lowest, the last one's highest bits.
  private mutating func bits(_ count: Int) -> Int {
    if count <= 32 { return Int(word() >> UInt32(32 - count)) }
    let low = Int(word())
    return low | Int(word() >> UInt32(64 - count)) << 32
  }

  // MARK: - MT19937

  private static func state(from seed: UInt32) -> [UInt32] {
    var state = [seed]
    state.reserveCapacity(size)
    var last = seed
    for index in 1..<UInt32(size) {
      last = 1_812_433_253 &* (last ^ (last >> 30)) &+ index
      state.append(last)
    }
    return state
  }

  private mutating func word() -> UInt32 {
    if next == PythonRandom.size { refill() }
    var word = state[next]
    next += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }

  private mutating func refill() {
    for i in 0..<PythonRandom.size {
      let bits = (state[i] & 0x8000_0000) | (state[(i + 1) % PythonRandom.size] & 0x7FFF_FFFF)
      state[i] = state[(i + PythonRandom.shift) % PythonRandom.size] ^ (bits >> 1) ^ (bits & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    next = 0
  }
}
