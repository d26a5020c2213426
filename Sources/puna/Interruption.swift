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

/// Ctrl-C in a conversation: ends the answer that is being made, and otherwise the program.
enum ChatInterruption {
  private enum State {
    static let waiting = 0
    static let answering = 1
    static let asked = 2
  }

  private static let state = Atomic<Int>(State.waiting)

  static var isAsked: Bool { state.load(ordering: .relaxed) == State.asked }

  static func watch() {
    signal(SIGINT) { _ in
      let (isFirst, _) = ChatInterruption.state.compareExchange(
        expected: State.answering, desired: State.asked, ordering: .relaxed)
      // Nothing is half written that could be finished here.
      if !isFirst { _exit(Interruption.status) }
    }
  }

  static func beginAnswer() { state.store(State.answering, ordering: .relaxed) }
  static func endAnswer() { state.store(State.waiting, ordering: .relaxed) }
}
