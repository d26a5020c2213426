import Checkpoints
import Foundation

/// The file in a run's `tensorboard` folder from which TensorBoard draws its curves, made of the run's metrics alone.
///
/// A new file replaces those of earlier sessions: after a resumed run it holds exactly the points of the metrics. Wall times are those of
/// training: the points keep their distance, pauses between sessions are left out.
public final class EventFile {
  public let path: String
  /// Seconds since 1970 at which training would have begun, had it never paused.
  private let start: Double
  private var stepCount = 0
  private var validationCount = 0
  private var byteCount = 0

  /// Writes the points so far into a new file, and removes those before it.
  ///
  /// - Throws: `CheckpointError` when it cannot be written; older files are still there then.
  public init(run: String, _ metrics: RunHistory, now: Date = Date()) throws {
    let folder = "\(run)/\(EventFile.folderName)"
    try AtomicFile.createFolder(folder)
    let old = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
      $0.hasPrefix(EventFile.prefix) || AtomicFile.isLeftover($0)
    }
    // TensorBoard goes on to files whose names come later.
    let times = old.compactMap { Int($0.dropFirst(EventFile.prefix.count).prefix { $0.isNumber }) }
    let number = max(Int(now.timeIntervalSince1970), (times.max() ?? 0).addingReportingOverflow(1).partialValue)
    path = "\(folder)/\(EventFile.prefix)\(number).puna"
    let elapsed = max(metrics.steps.last?.elapsed ?? 0, metrics.validations.last?.elapsed ?? 0)
    start = now.timeIntervalSince1970 - elapsed
    let bytes = EventRecord.opening(time: start) + points(metrics)
    try AtomicFile.write(Data(bytes), to: path)
    count(metrics, bytes.count)
    for name in old where "\(folder)/\(name)" != path { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
  }

  /// Adds the points that came since.
  ///
  /// - Parameter metrics: those that the file was made of, with more at their ends.
  /// - Throws: `CheckpointError`; the file ends with the points before then, and the call can be repeated.
  public func append(_ metrics: RunHistory) throws {
    let bytes = points(metrics)
    guard !bytes.isEmpty else { return }
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CheckpointError(path: path, reason: .system(operation: "opening", code: errno)) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written, off_t(byteCount + written))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let code = errno
        // A record without its end would hide those behind it.
        _ = ftruncate(descriptor, off_t(byteCount))
        throw CheckpointError(
          path: path, reason: code == ENOSPC || code == EDQUOT ? .diskFull(written: written) : .system(operation: "writing", code: code))
      }
      written += count
    }
    count(metrics, bytes.count)
  }

  private func points(_ metrics: RunHistory) -> [UInt8] {
    var bytes: [UInt8] = []
    for step in metrics.steps.dropFirst(stepCount) {
      bytes += EventRecord.scalars(
        [
          ("train/loss", step.loss), ("train/learning_rate", step.learningRate), ("train/gradient_norm", step.gradientNorm),
          ("train/tokens_per_second", step.tokensPerSecond),
        ], step: step.step, time: start + step.elapsed)
    }
    for validation in metrics.validations.dropFirst(validationCount) {
      bytes += EventRecord.scalars(
        [("validation/loss", validation.loss), ("validation/bits_per_byte", validation.bitsPerByte)], step: validation.step,
        time: start + validation.elapsed)
    }
    return bytes
  }

  private func count(_ metrics: RunHistory, _ written: Int) {
    stepCount = metrics.steps.count
    validationCount = metrics.validations.count
    byteCount += written
  }

  public static let folderName = "tensorboard"
  private static let prefix = "events.out.tfevents."
}
