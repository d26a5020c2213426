extension UnsafeRawBufferPointer {
  /// The little-endian number at `offset`, or nil where the bytes end before it does.
  func littleEndian<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number? {
    guard offset >= 0, offset <= count - MemoryLayout<Number>.size else { return nil }
    return Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }

  /// As `littleEndian(_:at:)`, for a number that fits `Int`.
  func count<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Int? {
    littleEndian(type, at: offset).flatMap { Int(exactly: $0) }
  }

  /// Whether these bytes lie at `offset`.
  func holds(_ bytes: some Collection<UInt8>, at offset: Int) -> Bool {
    offset >= 0 && offset <= count - bytes.count && self[offset..<offset + bytes.count].elementsEqual(bytes)
  }
}
