/// Protocol buffers' wire format, as far as events need it (protobuf.dev/programming-guides/encoding): each field is a key, its number
/// with how its value is stored, and the value.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  mutating func integer(_ field: UInt8, _ value: Int) {
    key(field, 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func double(_ field: UInt8, _ value: Double) {
    key(field, 1)
    bytes.appendLittleEndian(value.bitPattern)
  }

  mutating func float(_ field: UInt8, _ value: Float) {
    key(field, 5)
    bytes.appendLittleEndian(value.bitPattern)
  }

  mutating func text(_ field: UInt8, _ text: String) { block(field, Array(text.utf8)) }

  mutating func message(_ field: UInt8, _ fill: (inout ProtobufWriter) -> Void) {
    var message = ProtobufWriter()
    fill(&message)
    block(field, message.bytes)
  }

  private mutating func block(_ field: UInt8, _ content: [UInt8]) {
    key(field, 2)
    varint(UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: UInt8, _ storage: UInt8) { bytes.append(field << 3 | storage) }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}

extension [UInt8] {
  mutating func appendLittleEndian<Value: FixedWidthInteger>(_ value: Value) {
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
