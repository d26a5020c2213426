/// The element types that Puna computes with or meets in checkpoint files.
public enum DType: String, Sendable, CaseIterable {
  case float32, float16, bfloat16, float64
  case int64, int32, int16, int8, uint8, bool

  /// Bytes that one element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether base weights may have this type.
  public var isWeightType: Bool { self == .float32 || self == .float16 || self == .bfloat16 }
}

/// How the network computes (DESIGN: numbers and kernels).
public enum Precision: String, Sendable, CaseIterable {
  /// Inputs of products rounded to bfloat16, accumulation and everything else in float32.
  case bfloat16
  /// Everything in float32: the portable path, and the one compared with PyTorch.
  case float32
}
