/// The fields of one message in protocol buffers' wire format, one after the other.
struct WireReader {
  typealias Problem = SentencePieceModelFile.Problem

  struct Field {
    let number: UInt64
    /// 0 a varint, 1 and 5 fixed sizes, 2 a length and as many bytes.
    let wireType: UInt64
    /// Of a varint; 0 for other types.
    fileprivate(set) var value: UInt64 = 0
    /// Of every type but a varint.
    fileprivate(set) var contents = 0..<0

    func varint() throws(Problem) -> UInt64 {
      try check(0)
      return value
    }

    /// Where a message or text lies.
    func message() throws(Problem) -> Range<Int> {
      try check(2)
      return contents
    }

    /// Four bytes, the lowest first.
    func fixed32(in bytes: UnsafeBufferPointer<UInt8>) throws(Problem) -> UInt32 {
      try check(5)
      return contents.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
    }

    private func check(_ expected: UInt64) throws(Problem) {
      guard wireType == expected else { throw .malformed("field \(number) has wire type \(wireType), expected \(expected)") }
    }
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where the next field begins.
  private(set) var offset: Int
  private let end: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    offset = range.lowerBound
    end = range.upperBound
  }

  mutating func next() throws(Problem) -> Field? {
    guard offset < end else { return nil }
    let tag = try varint()
    var field = Field(number: tag >> 3, wireType: tag & 7)
    guard field.number > 0 else { throw .malformed("a field without a number at byte \(offset)") }
    switch field.wireType {
    case 0: field.value = try varint()
    case 1: field.contents = try pass(8)
    case 2:
      let length = try varint()
      guard length <= UInt64(end - offset) else { throw .cutShort }
      field.contents = try pass(Int(length))
    case 5: field.contents = try pass(4)
    default: throw .malformed("unknown wire type \(field.wireType) at byte \(offset)")
    }
    return field
  }

  private mutating func pass(_ count: Int) throws(Problem) -> Range<Int> {
    guard count <= end - offset else { throw .cutShort }
    defer { offset += count }
    return offset..<offset + count
  }

  private mutating func varint() throws(Problem) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard offset < end else { throw .cutShort }
      let byte = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed("a number of more than 64 bits at byte \(offset)")
  }
}
