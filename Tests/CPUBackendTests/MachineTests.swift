import CKernels
import CPUBackend
import Testing

extension CPUBackendTests {
  @Test("The machine's report is measured")
  func report() throws {
    let report = try MachineReport(threads: 1)
    #expect(report.float32Peak > 1e8 && report.bandwidth > 1e8)
    #expect((report.bfloat16Peak > 0) == report.chosenInstructionSet.multipliesBFloat16)
    #expect(report.availableInstructionSets.contains(report.chosenInstructionSet))
    #expect(report.totalMemory > 0 && report.availableMemory > 0 && report.coreCount >= 1)
    #expect(!report.processor.isEmpty && report.openBLAS.hasPrefix("OpenBLAS"))
  }

  @Test("The generic set multiplies with OpenBLAS where it is set", arguments: [(5, 40, 70), (30, 3000, 20), (1, 8, 8)])
  func genericProducts(m: Int, k: Int, n: Int) throws {
    try OpenBLAS.useForGenericProducts()
    defer { puna_set_generic_sgemm(nil) }
    let variant = Variant(isa: PUNA_ISA_GENERIC, isBFloat16: false)
    variant.withContext { context in
      for transposed in [false, true] {
        let product = ProductCase(variant, m: m, seed: 9)
        product.addTerm(k: k, columns: 0..<n, transposed: transposed)
        product.addTerm(k: 4, columns: 0..<n / 2, transposed: transposed)
        product.addDestination(PUNA_ADD, columns: 0..<n, scale: 2)
        product.run(context)
        #expect(product.firstDeviation() == nil)
      }
    }
  }

  @Test("OpenBLAS multiplies row-major matrices either way", arguments: [false, true])
  func openBLAS(transposed: Bool) throws {
    let library = try OpenBLAS.shared()
    let (m, n, k) = (3, 4, 5)
    let a = (0..<m * k).map { Float($0) }, b = (0..<n * k).map { Float($0 % 7) }
    var c = [Float](repeating: .nan, count: m * n)
    library.multiply(m: m, n: n, k: k, a: a, aStride: k, b: b, bStride: transposed ? n : k, transposed: transposed, into: &c, cStride: n)
    for row in 0..<m {
      for column in 0..<n {
        let expected = (0..<k).reduce(Float(0)) { $0 + a[row * k + $1] * (transposed ? b[$1 * n + column] : b[column * k + $1]) }
        #expect(c[row * n + column] == expected)
      }
    }
  }
}
