import Foundation
import Synchronization

/// Ctrl-C, and a polite kill: the first asks to stop and clean up, the second ends the process.
enum Interruption {
  private static let wasAsked = Atomic<Bool>(false)

  static var isAsked: Bool { wasAsked.load(ordering: .relaxed) }

  /// What a shell expects of a program that was interrupted.
  static let status: Int32 = 130

  static func watch() {
    // Whoever started the program may have done so from a thread that lets no signal through.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      sigaddset(&signals, number)
      signal(number) { number in
        Interruption.wasAsked.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
