import CSandbox
import Glibc

/// A running program. It is killed, with all it has started, when its owner is gone.
package final class SandboxedProcess {
  /// How it ended and what is left of it.
  package struct Ending {
    package enum Reason: Equatable {
      case exit(status: Int32)
      case signal(Int32)
      case outOfTime
      case outOfMemory
    }
    package let reason: Reason
    /// The end of its output, and whether something came before it.
    package let output: (all: [UInt8], isCut: Bool)
    /// The beginning of what it wrote to its report.
    package let report: [UInt8]
    package let seconds: Double
  }

  /// Between two looks at the memory; a core fills some tens of megabytes meanwhile.
  private static let watchSeconds = 0.02

  private var child: puna_sandbox_child
  private let output: BoundedPipe
  private let report: BoundedPipe
  private var isEnded = false

  init(_ child: puna_sandbox_child, outputBytes: Int) {
    self.child = child
    output = BoundedPipe(child.output, keeping: .end(outputBytes))
    report = BoundedPipe(child.report, keeping: .beginning(64))
  }

  deinit {
    var code: Int32 = 0
    var status: Int32 = 0
    if !isEnded { _ = puna_sandbox_end(&child, &code, &status) }
  }

  /// Its number on this machine.
  package var id: pid_t { child.process }

  /// Waits for the end, or makes it when the time is over or the memory used up.
  package func watch(seconds limit: Double, memoryBytes: Int) throws -> Ending {
    let clock = SuspendingClock()
    let start = clock.now
    func elapsed() -> Double { (clock.now - start) / .seconds(1) }
    var forced: Ending.Reason?
    var nextLook = Self.watchSeconds
    while forced == nil {
      let now = elapsed()
      if now >= limit {
        forced = .outOfTime
        break
      }
      if now >= nextLook {
        nextLook = now + Self.watchSeconds
        if residentByteCount(ofProcessAndDescendants: child.process) > memoryBytes { forced = .outOfMemory }
      }
      var events = [pollfd(fd: child.handle, events: Int16(POLLIN), revents: 0), output.awaited, report.awaited]
      let patience = max(min(nextLook, limit) - now, 0)
      if poll(&events, nfds_t(events.count), Int32((patience * 1000).rounded(.up))) < 0 && errno != EINTR {
        throw CodeExecutionError.notWatched(call: "poll", error: errno)
      }
      try output.readOnce()
      try report.readOnce()
      if events[0].revents != 0 { break }
    }
    let seconds = elapsed()
    let reason = try end()
    // Nobody is left who could write.
    for pipe in [output, report] {
      while try pipe.readOnce() {}
      pipe.finish()
    }
    return Ending(reason: forced ?? reason, output: (output.bytes, output.isCut), report: report.bytes, seconds: seconds)
  }

  /// Kills what still runs.
  private func end() throws -> Ending.Reason {
    var code: Int32 = 0
    var status: Int32 = 0
    isEnded = true
    guard puna_sandbox_end(&child, &code, &status) == 0 else { throw CodeExecutionError.notWatched(call: "waitid", error: errno) }
    return code == CLD_EXITED ? .exit(status: status) : .signal(status)
  }
}
