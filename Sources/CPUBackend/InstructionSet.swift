import CKernels
import Glibc

/// The instruction sets that kernels are compiled for, each including those before it.
public enum InstructionSet: String, Sendable, CaseIterable, Comparable {
  case generic
  case avx2
  case avx512
  case avx512bf16

  /// The best set that this processor and operating system offer.
  public static var best: InstructionSet { allCases.last { $0.isAvailable } ?? .generic }

  public var isAvailable: Bool { kernelValue.rawValue <= puna_best_isa().rawValue }

  /// Whether bfloat16 products are instructions of the set.
  public var multipliesBFloat16: Bool { self == .avx512bf16 }

  /// The set that the environment variable `PUNA_ISA` names, else the best.
  /// - Throws: `CPUBackendError.unknownInstructionSet`
  public static func chosen() throws(CPUBackendError) -> InstructionSet {
    guard let value = getenv("PUNA_ISA") else { return best }
    let name = String(cString: value)
    guard let set = InstructionSet(rawValue: name) else { throw .unknownInstructionSet(name) }
    return set
  }

  public static func < (left: InstructionSet, right: InstructionSet) -> Bool { left.kernelValue.rawValue < right.kernelValue.rawValue }

  var kernelValue: puna_isa {
    switch self {
    case .generic: PUNA_ISA_GENERIC
    case .avx2: PUNA_ISA_AVX2
    case .avx512: PUNA_ISA_AVX512
    case .avx512bf16: PUNA_ISA_AVX512_BF16
    }
  }
}
