import CKernels
import Glibc

/// Memory for the data of a benchmark, filled with random values of both signs and about the same size.
final class Buffer {
  let pointer: UnsafeMutableRawPointer
  private let byteCount: Int

  init(byteCount: Int, hugePages: Bool) {
    let memory = mmap(nil, byteCount + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
    madvise(memory, byteCount, hugePages ? 14 : 15)  // MADV_HUGEPAGE, MADV_NOHUGEPAGE
    pointer = memory
    self.byteCount = byteCount + 4096
  }

  deinit { munmap(pointer, byteCount) }

  /// bfloat16 bits, or whole float32 values, with exponents around 2⁻⁵.
  func fillRandomly(float32: Bool, seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    let halves = pointer.bindMemory(to: UInt16.self, capacity: byteCount / 2)
    for index in 0..<byteCount / 2 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      let low = float32 && index % 2 == 0
      halves[index] = low ? UInt16(truncatingIfNeeded: state) : 0x3d00 | UInt16(truncatingIfNeeded: state) & 0x80ff
    }
  }
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let duration = try clock.measure(body)
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

/// `value` with so many digits behind the point, in a column of `width`.
func format(_ value: Double, digits: Int = 0, width: Int = 0) -> String {
  var scaled = 1.0
  for _ in 0..<digits { scaled *= 10 }
  let rounded = Int((value * scaled).rounded())
  var text = "\(rounded / Int(scaled))"
  if digits > 0 {
    let fraction = "\(abs(rounded) % Int(scaled))"
    text += "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
  return String(repeating: " ", count: max(0, width - text.count)) + text
}
