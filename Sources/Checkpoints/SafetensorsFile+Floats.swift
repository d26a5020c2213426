import Tensors

extension SafetensorsFile.Entry {
  /// The elements widened to float32, which is exact for F32, F16 and BF16; nil for other types.
  public func floats() -> [Float]? { bytes.floats(dtype) }
}

extension MappedBytes {
  /// Elements of type `dtype`, little-endian, widened to float32, which is exact for F32, F16 and BF16; nil for other types.
  public func floats(_ dtype: DType) -> [Float]? {
    withUnsafeBytes { bytes in
      func read<Stored>(_ type: Stored.Type, _ widen: (Stored) -> Float) -> [Float] {
        let size = MemoryLayout<Stored>.size
        return [Float](unsafeUninitializedCapacity: bytes.count / size) { values, count in
          count = bytes.count / size
          for index in 0..<count { values[index] = widen(bytes.loadUnaligned(fromByteOffset: index * size, as: type)) }
        }
      }
      return switch dtype {
      case .float32: read(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
      case .float16: read(UInt16.self) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
      case .bfloat16: read(UInt16.self) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
      default: nil
      }
    }
  }
}
