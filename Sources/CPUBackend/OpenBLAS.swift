import CKernels
import COpenBLAS
import Glibc

/// OpenBLAS, opened at run time: the reference for float32 products, and what multiplies where there are no kernels of our own.
///
/// Linking it would let the environment decide its threads and kernels before we could: both are settled here, before it is opened.
/// Calling it from several threads at once is safe.
public struct OpenBLAS: Sendable {
  /// For example `OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY MAX_THREADS=64`.
  public let configuration: String
  /// The processor whose kernels it chose, for example `Cooperlake`.
  public let core: String
  /// Threads of one call: 1, whatever the environment says.
  public let threadCount: Int

  fileprivate typealias SGEMM =
    @convention(c) (
      CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, Float, UnsafePointer<Float>?, blasint,
      UnsafePointer<Float>?, blasint, Float, UnsafeMutablePointer<Float>?, blasint
    ) -> Void
  fileprivate let sgemm: SGEMM

  private static let opened: Result<OpenBLAS, CPUBackendError> = Result { () throws(CPUBackendError) in try OpenBLAS() }

  /// The library, opened once.
  /// - Throws: `CPUBackendError.noOpenBLAS`
  public static func shared() throws(CPUBackendError) -> OpenBLAS { try opened.get() }

  /// Lets products on the generic instruction set be OpenBLAS's.
  /// - Throws: `CPUBackendError.noOpenBLAS`
  public static func useForGenericProducts() throws(CPUBackendError) {
    _ = try shared()
    puna_set_generic_sgemm { transposeA, transposeB, m, n, k, alpha, a, strideA, b, strideB, beta, c, strideC in
      guard case .success(let library) = OpenBLAS.opened else { return }
      library.sgemm(
        CblasRowMajor, transposeA == 0 ? CblasNoTrans : CblasTrans, transposeB == 0 ? CblasNoTrans : CblasTrans, m, n, k, alpha, a,
        strideA, b, strideB, beta, c, strideC)
    }
  }

  /// `c = a · bᵀ` (`transposed` = false) or `c = a · b`, row-major and on the calling thread.
  ///
  /// Shapes: a [m, k]; b [n, k], or [k, n] when `transposed`; c [m, n].
  public func multiply(
    m: Int, n: Int, k: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>, bStride: Int, transposed: Bool,
    into c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    sgemm(
      CblasRowMajor, CblasNoTrans, transposed ? CblasNoTrans : CblasTrans, blasint(m), blasint(n), blasint(k), 1, a, blasint(aStride), b,
      blasint(bStride), 0, c, blasint(cStride))
  }

  private init() throws(CPUBackendError) {
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    OpenBLAS.correctCoreType()
    guard let handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL) ?? dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL) else {
      throw .noOpenBLAS(dlerror().map { String(cString: $0) } ?? "unknown reason")
    }
    guard let sgemm = dlsym(handle, "cblas_sgemm"), let setThreads = dlsym(handle, "openblas_set_num_threads"),
      let getThreads = dlsym(handle, "openblas_get_num_threads"),
      let getConfiguration = dlsym(handle, "openblas_get_config"), let getCore = dlsym(handle, "openblas_get_corename")
    else { throw .noOpenBLAS("the library lacks cblas_sgemm or its own functions") }
    typealias Text = @convention(c) () -> UnsafePointer<CChar>?
    unsafeBitCast(setThreads, to: (@convention(c) (CInt) -> Void).self)(1)
    threadCount = Int(unsafeBitCast(getThreads, to: (@convention(c) () -> CInt).self)())
    self.sgemm = unsafeBitCast(sgemm, to: SGEMM.self)
    configuration = unsafeBitCast(getConfiguration, to: Text.self)().map { String(cString: $0) } ?? ""
    core = unsafeBitCast(getCore, to: Text.self)().map { String(cString: $0) } ?? ""
  }

  /// Some environments name a core that halves the speed (`Haswell`), for other programs' sake. OpenBLAS then finds the processor itself.
  private static func correctCoreType() {
    guard let value = getenv("OPENBLAS_CORETYPE") else { return }
    let offered: InstructionSet =
      switch String(cString: value).lowercased() {
      case "cooperlake", "sapphirerapids": .avx512bf16
      case "skylakex": .avx512
      case "haswell", "zen": .avx2
      default: .generic
      }
    if offered < InstructionSet.best { unsetenv("OPENBLAS_CORETYPE") }
  }
}
