extension JSONScanner {
  /// A number's text, checked against the grammar; `isInteger` when it has neither fraction nor exponent.
  public mutating func number() throws(JSONError) -> (range: Range<Int>, isInteger: Bool) {
    skipWhitespace()
    let start = offset
    var isInteger = true
    if current == UInt8(ascii: "-") {
      offset += 1
    } else if current.map(JSONScanner.isDigit) != true {
      throw unexpected(.number)
    }
    if current == UInt8(ascii: "0") { offset += 1 } else { try digits(.digit) }
    if current == UInt8(ascii: ".") {
      offset += 1
      isInteger = false
      try digits(.fractionDigit)
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      offset += 1
      isInteger = false
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
      try digits(.exponentDigit)
    }
    return (start..<offset, isInteger)
  }

  /// A whole number, or nil when the number has a fraction, an exponent or does not fit.
  public mutating func integer() throws(JSONError) -> Int? {
    let (range, isInteger) = try number()
    return isInteger ? integer(in: range) : nil
  }

  package func integer(in range: Range<Int>) -> Int? {
    let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
    var value = 0
    // Downward, since the lowest number has no opposite.
    for index in range.lowerBound + (isNegative ? 1 : 0)..<range.upperBound {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (difference, carry) = product.subtractingReportingOverflow(Int(bytes[index] - UInt8(ascii: "0")))
      guard !overflow, !carry else { return nil }
      value = difference
    }
    if isNegative { return value }
    return value == Int.min ? nil : -value
  }

  /// The nearest Double.
  package func double(in range: Range<Int>) throws(JSONError) -> Double {
    let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    guard let value = Double(text), value.isFinite else { throw error(.numberTooLarge, at: range.lowerBound) }
    return value
  }

  private mutating func digits(_ expected: JSONError.Expectation) throws(JSONError) {
    let start = offset
    while offset < bytes.count, JSONScanner.isDigit(bytes[offset]) { offset += 1 }
    guard offset > start else { throw unexpected(expected) }
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
