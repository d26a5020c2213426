import Checkpoints
import Dispatch
import Foundation
import Synchronization
import Tensors

extension Inspection {
  /// Reads every byte: values of all tensors, and digests of the files for which the folder gives some. What is found is added to the
  /// inspection. All cores take part.
  ///
  /// - Parameter progress: told now and then how many bytes of how many have been read; one call at a time.
  public mutating func verify(progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }) {
    let clock = ContinuousClock.now
    let work = VerificationWork(self)
    for problem in work.problems { add(problem: problem) }
    var verification = work.run(progress)
    let (seconds, attoseconds) = (ContinuousClock.now - clock).components
    verification.seconds = Double(seconds) + Double(attoseconds) / 1e18
    for problem in verification.problems { add(problem: problem) }
    notes += verification.notes(isAdapter: adapter != nil)
    self.verification = verification
  }
}

/// Pieces of work that any thread can take; digests first, since each takes one core as long as its file is.
private struct VerificationWork: Sendable {
  private enum Piece: Sendable {
    case digest(ChecksumClaim, MappedBytes)
    /// Values without gaps; `start` is the first one's place in its tensor.
    case values(tensor: Int, MappedBytes, DType, start: Int)
    /// Rows of a view of a wider tensor.
    case rows(tensor: Int, Range<Int>)
  }

  private struct State {
    var scans: [Int: ValueScan] = [:]
    var checksums: [Verification.Checksum] = []
    var byteCount = 0
  }

  /// A multiple of every element's size; small enough that two cores end together.
  private static let pieceByteCount = 8 << 20

  private(set) var problems: [String] = []
  private var pieces: [Piece] = []
  private var tensors: [(file: String, tensor: TensorFile.Tensor)] = []
  private var total = 0

  init(_ inspection: Inspection) {
    addDigests(of: inspection)
    for file in inspection.tensorFiles {
      for tensor in file.tensors {
        defer {
          tensors.append((file.name, tensor))
          total += tensor.byteCount
        }
        if tensor.rowByteStride != nil {
          addRows(of: tensor)
          continue
        }
        for start in stride(from: 0, to: tensor.bytes.count, by: VerificationWork.pieceByteCount) {
          let range = start..<min(start + VerificationWork.pieceByteCount, tensor.bytes.count)
          pieces.append(
            .values(tensor: tensors.count, tensor.bytes.slice(range), tensor.dtype, start: start / tensor.dtype.byteCount))
        }
      }
    }
  }

  private mutating func addRows(of tensor: TensorFile.Tensor) {
    let rowCount = tensor.elementCount / max(1, tensor.shape.last ?? 1)
    let step = max(1, VerificationWork.pieceByteCount / max(1, tensor.byteCount / max(1, rowCount)))
    for start in stride(from: 0, to: rowCount, by: step) {
      pieces.append(.rows(tensor: tensors.count, start..<min(start + step, rowCount)))
    }
  }

  private mutating func addDigests(of inspection: Inspection) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: inspection.path, isDirectory: &isFolder) else { return }
    // Of a single file, what its folder says about it.
    let name = isFolder.boolValue ? nil : inspection.path.split(separator: "/").last.map(String.init)
    let path = name.map { inspection.path.contains("/") ? String(inspection.path.dropLast($0.count + 1)) : "." } ?? inspection.path
    var places = [(prefix: "", path: path)]
    if inspection.tensorFiles.contains(where: { $0.name.hasPrefix("original/") }) { places.append(("original/", "\(path)/original")) }
    var digests: [(ChecksumClaim, MappedBytes)] = []
    for place in places {
      guard let folder = try? Folder(place.path) else { continue }
      for claim in folder.checksumClaims(problems: &problems) where name == nil || claim.file == name {
        let claim = ChecksumClaim(
          file: place.prefix + claim.file, algorithm: claim.algorithm, digest: claim.digest, source: place.prefix + claim.source)
        do {
          digests.append((claim, try MappedFile.open("\(path)/\(claim.file)")))
        } catch let error as CheckpointError where error.reason == .missing {
          problems.append("\(claim.file): is not there, but \(claim.source) has a digest of it.")
        } catch {
          problems.append("\(error)")
        }
      }
    }
    for (claim, bytes) in digests.sorted(by: { $0.1.count > $1.1.count }) {
      pieces.append(.digest(claim, bytes))
      total += bytes.count
    }
  }

  func run(_ progress: @escaping @Sendable (Int, Int) -> Void) -> Verification {
    let state = Mutex(State())
    @Sendable func advance(_ count: Int) {
      state.withLock {
        $0.byteCount += count
        progress($0.byteCount, total)
      }
    }
    DispatchQueue.concurrentPerform(iterations: pieces.count) { index in
      switch pieces[index] {
      case .digest(let claim, let bytes):
        let found = claim.algorithm.digest(of: bytes) { advance($0) }
        let checksum = Verification.Checksum(
          file: claim.file, algorithm: claim.algorithm.rawValue, source: claim.source, expected: claim.digest, found: found)
        state.withLock { $0.checksums.append(checksum) }
      case .values(let tensor, let bytes, let dtype, let start):
        let scan = bytes.withUnsafeBytes { ValueScan($0, dtype: dtype, start: start) }
        state.withLock { if $0.scans[tensor]?.add(scan) == nil { $0.scans[tensor] = scan } }
        advance(bytes.count)
      case .rows(let index, let rows):
        let tensor = tensors[index].tensor
        let columns = tensor.shape.last ?? 1
        let rowByteCount = columns * tensor.dtype.byteCount
        for row in rows {
          let begin = row * (tensor.rowByteStride ?? rowByteCount)
          let scan = tensor.bytes.slice(begin..<begin + rowByteCount).withUnsafeBytes {
            ValueScan($0, dtype: tensor.dtype, start: row * columns)
          }
          state.withLock { if $0.scans[index]?.add(scan) == nil { $0.scans[index] = scan } }
        }
        advance(rows.count * rowByteCount)
      }
    }
    return state.withLock { result($0) }
  }

  private func result(_ state: State) -> Verification {
    var verification = Verification()
    verification.tensorCount = tensors.count
    verification.byteCount = state.byteCount
    verification.checksums = state.checksums.sorted { ($0.file, $0.source) < ($1.file, $1.source) }
    for (index, (file, tensor)) in tensors.enumerated() {
      guard let scan = state.scans[index], scan.firstNotFinite != nil || scan.isAllZero else { continue }
      verification.findings.append(
        Verification.Finding(
          file: file, tensor: tensor.name, nanCount: scan.nanCount, infinityCount: scan.infinityCount,
          firstNotFinite: scan.firstNotFinite.map { position($0, in: tensor.shape) }, isAllZero: scan.isAllZero))
    }
    return verification
  }

  /// Index along each dimension of a row-major element.
  private func position(_ element: Int, in shape: [Int]) -> [Int] {
    var rest = element
    var position: [Int] = []
    for dimension in shape.reversed() {
      position.append(rest % max(1, dimension))
      rest /= max(1, dimension)
    }
    return position.reversed()
  }
}
