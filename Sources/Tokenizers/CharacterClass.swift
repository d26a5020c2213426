import JSON

/// What Unicode regular expressions tell apart in tokenizers' patterns.
enum CharacterClass: UInt8, Sendable {
  case other
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s`
  case space

  init(_ scalar: Unicode.Scalar) {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = properties.isWhitespace ? .space : .other
    }
  }
}

/// Text as characters with their classes.
struct ClassifiedText {
  let bytes: UnsafeBufferPointer<UInt8>
  private let table: [CharacterClass]

  /// Classes of the basic plane, where almost all text lies.
  private static let table: [CharacterClass] = (0..<0x10000).map { value in
    Unicode.Scalar(UInt32(value)).map { CharacterClass($0) } ?? .other
  }

  /// - Precondition: valid UTF-8.
  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    table = ClassifiedText.table
  }

  var count: Int { bytes.count }

  /// The class of the character that begins at `index`, and where the next begins.
  @inline(__always) func character(at index: Int) -> (class: CharacterClass, end: Int) {
    let (value, end) = scalarValue(in: bytes, at: index)
    if value < 0x10000 { return (table[Int(value)], end) }
    return (Unicode.Scalar(value).map { CharacterClass($0) } ?? .other, end)
  }

  /// Where a run of `wanted` that goes on at `index` ends.
  @inline(__always) func run(of wanted: CharacterClass, from index: Int) -> Int {
    var index = index
    while index < count {
      let (found, end) = character(at: index)
      guard found == wanted else { break }
      index = end
    }
    return index
  }
}

/// The character that begins at `index` of valid UTF-8, and where the next begins.
@inline(__always) func scalarValue(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> (value: UInt32, end: Int) {
  let first = UInt32(bytes[index])
  if first < 0x80 { return (first, index + 1) }
  func next(_ step: Int) -> UInt32 { UInt32(bytes[index + step] & 0x3F) }
  if first < 0xE0 { return ((first & 0x1F) << 6 | next(1), index + 2) }
  if first < 0xF0 { return ((first & 0x0F) << 12 | next(1) << 6 | next(2), index + 3) }
  return ((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), index + 4)
}
