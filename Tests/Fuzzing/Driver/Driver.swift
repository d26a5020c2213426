import FuzzedReaders
import Foundation

/// libFuzzer calls this with every input it thinks of (llvm.org/docs/LibFuzzer.html); the environment says which reader gets it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  reader.read([UInt8](UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}

private let reader: FuzzedReader = {
  let name = getenv("PUNA_FUZZ_READER").map { String(cString: $0) } ?? ""
  guard let reader = FuzzedReader(rawValue: name) else {
    print("PUNA_FUZZ_READER is '\(name)'; expected one of \(FuzzedReader.allCases.map(\.rawValue)).")
    exit(2)
  }
  return reader
}()
