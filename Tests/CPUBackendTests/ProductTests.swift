import CKernels
import Tensors
import Testing

/// Every remainder of two vectors of the widest set, and some lengths around panels and parts.
private let lengths = Array(1...33) + [63, 64, 65, 100, 130]
/// Most rows of a product that is not packed.
private let few = Int(PUNA_FEW_ROWS)

extension CPUBackendTests {
  @Test("Products of every height, width and depth agree with the reference", arguments: Variant.all, [false, true])
  func shapes(variant: Variant, transposed: Bool) {
    variant.withContext { context in
      for (m, n, k) in lengths.map({ ($0, 20, 37) }) + lengths.map({ (7, $0, 37) }) + lengths.map({ (5, 18, $0) }) {
        let product = ProductCase(variant, m: m, seed: UInt64(m * 1_000_000 + n * 1000 + k))
        product.addTerm(k: k, columns: 0..<n, transposed: transposed)
        product.addDestination(PUNA_STORE, columns: 0..<n)
        product.run(context)
        #expect(product.firstDeviation() == nil, "\(m) x \(k) x \(n)")
      }
    }
  }

  @Test("Products over several parts of k agree with the reference", arguments: Variant.all, [1408, 1411, 2817, 4097, 5633])
  func parts(variant: Variant, k: Int) {
    variant.withContext { context in
      for (transposed, kind) in [(false, PUNA_STORE), (true, PUNA_ADD), (false, PUNA_STORE_BF16)] {
        let product = ProductCase(variant, m: 14, seed: UInt64(k))
        product.addTerm(k: k, columns: 0..<70, transposed: transposed, layout: transposed ? .splitByRows : .splitByColumns)
        product.addTerm(k: 9, columns: 10..<41, transposed: transposed)
        product.addDestination(kind, columns: 0..<70, scale: 0.7)
        product.run(context)
        #expect(product.firstDeviation() == nil)
      }
    }
  }

  @Test("Segments of all types and layouts, several terms and destinations agree with the reference", arguments: Variant.all)
  func combinations(variant: Variant) {
    var random = Philox(seed: 7, stream: 2)
    variant.withContext { context in
      for seed in 0..<120 {
        let m = random.nextInt(1...30), n = random.nextInt(2...140)
        let product = ProductCase(variant, m: m, seed: UInt64(seed))
        for term in 0..<random.nextInt(1...3) {
          let begin = term == 0 ? 0 : random.nextInt(0...n - 1), end = term == 0 ? n : random.nextInt(begin + 1...n)
          product.addTerm(
            k: random.nextInt(1...80), columns: begin..<end, transposed: random.nextInt(0...1) == 1,
            layout: Weight.Layout.allCases[random.nextInt(0...3)])
        }
        let cut = random.nextInt(1...n)
        let kinds = [PUNA_STORE, PUNA_ADD, PUNA_STORE_BF16]
        product.addDestination(kinds[random.nextInt(0...2)], columns: 0..<cut, scale: 0.3)
        if cut < n { product.addDestination(kinds[random.nextInt(0...2)], columns: cut..<n) }
        product.run(context)
        #expect(product.firstDeviation() == nil, "seed \(seed)")
      }
    }
  }

  @Test("Columns without a term are zero, and no rows are no work", arguments: Variant.all)
  func nothing(variant: Variant) {
    variant.withContext { context in
      for m in [0, 3] {
        let product = ProductCase(variant, m: m, seed: 3)
        product.addTerm(k: 8, columns: 4..<9, transposed: false)
        product.addDestination(PUNA_STORE, columns: 0..<12)
        product.run(context)
        #expect(product.firstDeviation() == nil)
      }
    }
  }

  @Test("A row's results do not depend on its place or company", arguments: Variant.all)
  func rowsAreIndependent(variant: Variant) {
    variant.withContext { context in
      for (k, n) in [(64, 70), (4100, 48), (5700, 17)] {
        let together = makePair(variant, m: 58, k: k, n: n), apart = makePair(variant, m: 58, k: k, n: n)
        together.run(context)
        for rows in [0..<17, 17..<41, 41..<58] { apart.run(context, rows: rows) }
        #expect(together.places[0].y.bytes == apart.places[0].y.bytes)
      }
    }
  }

  @Test("Few rows' results do not depend on their place or company", arguments: Variant.all)
  func fewRowsAreIndependent(variant: Variant) {
    variant.withContext { context in
      for (k, n) in [(64, 70), (4100, 48), (5700, 17)] {
        let (together, apart) = (makeLowRankPair(variant, m: few, k: k, n: n), makeLowRankPair(variant, m: few, k: k, n: n))
        together.run(context)
        for rows in [0..<1, 1..<3, 3..<8, 8..<few] { apart.run(context, rows: rows) }
        #expect(together.places[0].y.bytes == apart.places[0].y.bytes)
      }
    }
  }

  @Test("Every number of few rows agrees with the reference, from unaligned weights of every layout", arguments: Variant.all)
  func fewRows(variant: Variant) {
    variant.withContext { context in
      for m in 1...few + 1 {
        for (index, layout) in Weight.Layout.allCases.enumerated() {
          for (k, n) in [(131, 72), (1, 5), (320, 33)] {
            let product = ProductCase(variant, m: m, seed: UInt64(m * 100 + index))
            product.addTerm(k: k, columns: 0..<n, transposed: false, layout: layout)
            product.addTerm(k: 8, columns: 1..<n, transposed: false, dtypes: [PUNA_FLOAT32])
            product.addDestination([PUNA_STORE, PUNA_ADD, PUNA_STORE_BF16][(m + index) % 3], columns: 0..<n, scale: 0.7)
            product.run(context)
            #expect(product.firstDeviation() == nil, "\(m) x \(k) x \(n), \(layout)")
          }
        }
      }
    }
  }

  @Test("Few rows' results do not depend on the number of threads", arguments: Variant.all)
  func threadsAgreeOnFewRows(variant: Variant) {
    for (m, k, n) in [(1, 300, 200), (5, 3000, 130), (few, 33, 70)] {
      let outputs = [1, 2, 3].map { threads in
        variant.withContext(threads: threads) { context in
          let product = makeLowRankPair(variant, m: m, k: k, n: n)
          product.run(context)
          return product.places[0].y.bytes
        }
      }
      #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    }
  }

  @Test("Results do not depend on the number of threads", arguments: Variant.all)
  func threadsAgree(variant: Variant) {
    for (m, k, n) in [(300, 64, 200), (40, 3000, 130), (1100, 33, 20)] {
      let outputs = [1, 2, 3].map { threads in
        variant.withContext(threads: threads) { context in
          let product = makePair(variant, m: m, k: k, n: n)
          product.run(context)
          return product.places[0].y.bytes
        }
      }
      #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    }
  }

  private func makePair(_ variant: Variant, m: Int, k: Int, n: Int) -> ProductCase {
    let product = ProductCase(variant, m: m, seed: UInt64(k))
    product.addTerm(k: k, columns: 0..<n, transposed: false)
    product.addTerm(k: 8, columns: 0..<n, transposed: true)
    product.addDestination(PUNA_ADD, columns: 0..<n, scale: 0.5)
    return product
  }

  /// A weight and a branch beside it, as decoding has them.
  private func makeLowRankPair(_ variant: Variant, m: Int, k: Int, n: Int) -> ProductCase {
    let product = ProductCase(variant, m: m, seed: UInt64(k))
    product.addTerm(k: k, columns: 0..<n, transposed: false, layout: .splitByRows)
    product.addTerm(k: 8, columns: 2..<n, transposed: false)
    product.addDestination(PUNA_ADD, columns: 0..<n, scale: 0.5)
    return product
  }

  @Test("Infinity and NaN stay in their row and column", arguments: Variant.all)
  func nonFiniteValues(variant: Variant) {
    variant.withContext { context in
      let product = ProductCase(variant, m: 9, seed: 11)
      product.addTerm(k: 40, columns: 0..<33, transposed: false, dtypes: [PUNA_BFLOAT16])
      product.addDestination(PUNA_STORE, columns: 0..<33)
      product.terms[0].x[4, 39] = .infinity
      product.terms[0].x[7, 0] = .nan
      product.run(context)
      for row in 0..<9 {
        for column in 0..<33 { #expect(product.places[0].y[row, column].isFinite == (row != 4 && row != 7)) }
      }
      #expect(product.places[0].y[4, 3].isInfinite && product.places[0].y[7, 3].isNaN)
    }
  }
}
