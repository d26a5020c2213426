import CKernels
import Glibc
import Testing

extension CPUBackendTests {
  @Test("A region runs every index exactly once, and is over when it returns", arguments: [1, 2, 3, 6])
  func regions(threads: Int) throws {
    let context = try #require(puna_context_create(Int32(threads), PUNA_ISA_GENERIC))
    defer { puna_context_destroy(context) }
    #expect(puna_context_threads(context) == Int32(threads))
    var seen = [Int32](repeating: 0, count: 64)
    var expected = seen
    for region in 0..<4000 {
      let count = region % 65
      for index in 0..<count { expected[index] += 1 }
      seen.withUnsafeMutableBytes { bytes in
        puna_parallel_for(
          context, count,
          { argument, index, _ in argument?.assumingMemoryBound(to: Int32.self)[index] += 1 }, bytes.baseAddress)
      }
      // Long enough, now and then, for the workers to park.
      if region % 1000 == 999 { usleep(1000) }
      guard seen == expected else {
        Issue.record("region \(region) of \(count) indices")
        return
      }
    }
  }

  @Test("Workers have scratch of their own that grows and is aligned")
  func scratch() throws {
    let context = try #require(puna_context_create(2, PUNA_ISA_GENERIC))
    defer { puna_context_destroy(context) }
    let first = try #require(puna_scratch(context, 0, 100)), second = try #require(puna_scratch(context, 1, 5 << 20))
    #expect(first != second && Int(bitPattern: first) % 64 == 0 && Int(bitPattern: second) % 64 == 0)
    memset(second, 1, 5 << 20)
    #expect(puna_scratch_bytes(context) >= 5 << 20)
    #expect(puna_scratch(context, 1, 64) == second)
  }

  @Test("A context needs threads and an instruction set that exists")
  func refusals() {
    #expect(puna_context_create(0, PUNA_ISA_GENERIC) == nil)
    if puna_best_isa() != PUNA_ISA_AVX512_BF16 { #expect(puna_context_create(1, PUNA_ISA_AVX512_BF16) == nil) }
    #expect(puna_available_cores() >= 1)
  }
}
