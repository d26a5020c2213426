import CKernels
import Tensors
import Testing

/// A product with its reference in Double: terms, destinations, and how far rounding may lead.
final class ProductCase {
  struct Term {
    let x: Matrix, weight: Weight, transposed: Bool, begin: Int
    var depth: Int { x.columns }
    var columns: Range<Int> { begin..<begin + (transposed ? weight.columns : weight.rows) }

    func weightValue(_ k: Int, _ column: Int) -> Float {
      transposed ? weight.values[k * weight.columns + column - begin] : weight.values[(column - begin) * weight.columns + k]
    }
  }

  struct Place {
    let kind: puna_destination_kind, y: Matrix, begin: Int, scale: Float
    let before: [Float]
  }

  let variant: Variant, m: Int
  private(set) var terms: [Term] = []
  private(set) var places: [Place] = []
  private var random: Philox

  init(_ variant: Variant, m: Int, seed: UInt64) {
    self.variant = variant
    self.m = m
    random = Philox(seed: seed, stream: 1)
  }

  static let allTypes = [PUNA_FLOAT32, PUNA_FLOAT16, PUNA_BFLOAT16]

  func addTerm(k: Int, columns: Range<Int>, transposed: Bool, layout: Weight.Layout = .whole, dtypes: [puna_dtype] = allTypes) {
    terms.append(
      Term(
        x: Matrix(operand: m, k, isBFloat16: variant.isBFloat16, random: &random),
        weight: Weight(transposed ? k : columns.count, transposed ? columns.count : k, layout, dtypes: dtypes, random: &random),
        transposed: transposed, begin: columns.lowerBound))
  }

  func addDestination(_ kind: puna_destination_kind, columns: Range<Int>, scale: Float = 1) {
    let y = Matrix(m, columns.count, stride: columns.count + random.nextInt(0...5), isBFloat16: kind == PUNA_STORE_BF16)
    y.fillRandomly(&random)
    let before = (0..<m * columns.count).map { y[$0 / columns.count, $0 % columns.count] }
    places.append(Place(kind: kind, y: y, begin: columns.lowerBound, scale: scale, before: before))
  }

  func run(_ context: OpaquePointer, rows: Range<Int>? = nil) {
    let rows = rows ?? 0..<m
    let size = variant.isBFloat16 ? 2 : 4
    let cTerms = terms.map { term in
      puna_gemm_term(
        x: term.x.pointer + rows.lowerBound * term.x.stride * size, x_stride: term.x.stride, weight: term.weight.pointer,
        transposed: term.transposed ? 1 : 0, n_begin: Int32(term.begin))
    }
    let cPlaces = places.map { place in
      puna_destination(
        kind: place.kind, y: place.y.pointer + rows.lowerBound * place.y.stride * (place.y.isBFloat16 ? 2 : 4), y_stride: place.y.stride,
        n_begin: Int32(place.begin), n_count: Int32(place.y.columns), scale: place.scale)
    }
    puna_gemm(context, variant.flag, Int32(rows.count), cTerms, Int32(cTerms.count), cPlaces, Int32(cPlaces.count))
  }

  /// The first element that is further from the reference than the sum of its roundings allows, in words.
  func firstDeviation() -> String? {
    for place in places {
      if !place.y.guardsAreIntact { return "wrote beside the output" }
      for row in 0..<m {
        for column in 0..<place.y.columns {
          var sum = 0.0, magnitude = 0.0, depth = 0
          for term in terms where term.columns.contains(place.begin + column) {
            for k in 0..<term.depth {
              let weight = term.weightValue(k, place.begin + column)
              let product = Double(term.x[row, k]) * Double(variant.isBFloat16 ? roundedToBFloat16(weight) : weight)
              sum += product
              magnitude += abs(product)
            }
            depth += term.depth
          }
          var expected = Double(place.scale) * sum
          if place.kind == PUNA_ADD { expected += Double(place.before[row * place.y.columns + column]) }
          /* Each of `depth` additions errs by at most 2⁻²⁴ of a partial sum; in random directions such errors grow as a root. */
          var tolerance = abs(Double(place.scale)) * magnitude * 0x1p-24 * (4 * Double(depth).squareRoot() + 4)
          tolerance += abs(expected) * (place.kind == PUNA_STORE_BF16 ? 0x1.02p-8 : 0x1p-22) + 1e-12
          let found = Double(place.y[row, column])
          if !(abs(found - expected) <= tolerance) {
            return "row \(row), column \(place.begin + column): \(found), expected \(expected) ± \(tolerance)"
          }
        }
      }
    }
    return nil
  }
}
