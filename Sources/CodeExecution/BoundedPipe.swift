import Glibc

/// The reading end of a pipe, of which only so much is kept, whatever is written.
final class BoundedPipe {
  enum Part {
    case beginning(Int)
    case end(Int)
  }

  private(set) var bytes: [UInt8] = []
  /// Whether something before `bytes` was not kept.
  private(set) var isCut = false

  private let descriptor: Int32
  private let part: Part
  private var isOpen = true
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)

  /// Takes the descriptor over; reading it does not block.
  init(_ descriptor: Int32, keeping part: Part) {
    self.descriptor = descriptor
    self.part = part
  }

  deinit { close(descriptor) }

  /// For poll; nothing is awaited of a pipe that nobody writes to any more.
  var awaited: pollfd { pollfd(fd: isOpen ? descriptor : -1, events: Int16(POLLIN), revents: 0) }

  /// Reads what is there, up to a buffer full.
  ///
  /// - Returns: false when there was nothing.
  @discardableResult func readOnce() throws -> Bool {
    guard isOpen else { return false }
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 {
      keep(buffer.prefix(count))
      return true
    }
    if count == 0 { isOpen = false }
    if count < 0 && ![EAGAIN, EINTR].contains(errno) { throw CodeExecutionError.notWatched(call: "read", error: errno) }
    return count < 0 && errno == EINTR
  }

  private func keep(_ new: ArraySlice<UInt8>) {
    switch part {
    case .beginning(let limit): bytes += new.prefix(limit - bytes.count)
    case .end(let limit):
      bytes += new
      guard bytes.count > limit else { return }
      isCut = true
      // Moving what is kept costs less when it is not done for every buffer.
      if bytes.count > 2 * limit + buffer.count { bytes.removeFirst(bytes.count - limit) }
    }
  }

  /// Cuts the end to its limit, when nothing more comes.
  func finish() {
    if case .end(let limit) = part, bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
  }
}
