import Foundation

/// This program once more, with other words: it has the memory of its own, the same input and output, and gets every interruption.
struct ChildProcess {
  enum End: Equatable {
    case exited(Int32)
    case killed(signal: Int32)
  }

  private let id: pid_t

  /// - Throws: `Failure` when it cannot be started.
  init(words: [String]) throws {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // It stays in the group of the terminal, so that Ctrl-C and Ctrl-Z reach it.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let arguments = ([CommandLine.arguments.first ?? "puna"] + words).map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    var id: pid_t = 0
    // The file that runs, even if another has its name by now.
    let code = posix_spawn(&id, "/proc/self/exe", nil, &attributes, arguments + [nil], environ)
    guard code == 0 else { throw Failure("a process cannot be started: \(String(cString: strerror(code))).") }
    self.id = id
  }

  /// Waits for its end. An interruption that this process got alone is passed on, once.
  func wait() throws -> End {
    var hasWatched = false
    var askedAt: Date?
    while true {
      var status: Int32 = 0
      let ended = waitpid(id, &status, WNOHANG)
      if ended == id {
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
      }
      if ended < 0, errno != EINTR { throw Failure("a process cannot be waited for: \(String(cString: strerror(errno))).") }
      if !hasWatched { hasWatched = catchesInterruption }
      if Interruption.isAsked {
        if let began = askedAt {
          // A second one would end it at once: whoever has got the first catches no more.
          if began != .distantPast, Date().timeIntervalSince(began) > 0.1 {
            if !hasWatched || catchesInterruption { kill(id, SIGINT) }
            askedAt = .distantPast
          }
        } else {
          askedAt = Date()
        }
      }
      usleep(20_000)
    }
  }

  /// Whether it has a handler for Ctrl-C now, which it loses with the first; see `Interruption`.
  private var catchesInterruption: Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("SigCgt:") }),
      let mask = UInt64(line.dropFirst("SigCgt:".count).trimmingPrefix { $0.isWhitespace }, radix: 16)
    else { return false }
    return mask >> UInt64(SIGINT - 1) & 1 == 1
  }
}
