import Foundation

/// A user id, and a group id of the same number, that no account and no process has. Limits and signals are by user: a program that shared its
/// user with another would share these too.
package enum UnusedIdentity {
  /// Ids that no distribution gives away: systemd documents them as unused.
  package static let preferred: Range<UInt32> = 0x7000_0000..<0x7FFE_0000
  /// Where a container maps fewer: what lies above the accounts.
  package static let ordinary: Range<UInt32> = 20_000..<65_000

  /// Chooses at random, so that two runs that begin together do not meet.
  ///
  /// - Parameter mapped: the ids that exist in this user namespace.
  /// - Returns: nil when a thousand attempts found nobody's.
  package static func choose(
    mapped: [Range<UInt32>], isUsed: (UInt32) -> Bool, using generator: inout some RandomNumberGenerator
  ) -> UInt32? {
    for range in [preferred, ordinary] {
      let possible = mapped.map { $0.clamped(to: range) }.filter { !$0.isEmpty }
      guard !possible.isEmpty else { continue }
      for _ in 0..<1000 {
        guard let part = possible.randomElement(using: &generator) else { break }
        let id = UInt32.random(in: part, using: &generator)
        if !isUsed(id) { return id }
      }
    }
    return nil
  }

  /// One on this machine.
  ///
  /// - Parameter isName: it is only a name for the caller in a user namespace of its own, where every id exists.
  package static func onThisMachine(isName: Bool) throws -> UInt32 {
    var generator = SystemRandomNumberGenerator()
    let mapped = isName ? [preferred] : intersection(ranges(ofMap: "/proc/self/uid_map"), ranges(ofMap: "/proc/self/gid_map"))
    let taken = subordinate("/etc/subuid") + subordinate("/etc/subgid")
    let users = usersOfProcesses()
    func isUsed(_ id: UInt32) -> Bool {
      getpwuid(isUser: id) || getgrgid(isGroup: id) || users.contains(id) || taken.contains { $0.contains(id) }
    }
    guard let id = choose(mapped: mapped, isUsed: isUsed, using: &generator) else { throw CodeExecutionError.noUnusedUser }
    return id
  }

  /// The first column of a map of ids with its third, the count.
  package static func ranges(ofMapText text: String) -> [Range<UInt32>] {
    text.split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      return numbers.count == 3 ? range(from: numbers[0], count: numbers[2]) : nil
    }
  }

  /// Lines `name:first:count` of ids that accounts may give to their containers.
  package static func ranges(ofSubordinateText text: String) -> [Range<UInt32>] {
    text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3, let first = UInt32(parts[1]), let count = UInt32(parts[2]) else { return nil }
      return range(from: first, count: count)
    }
  }

  package static func intersection(_ first: [Range<UInt32>], _ second: [Range<UInt32>]) -> [Range<UInt32>] {
    first.flatMap { one in second.filter { $0.overlaps(one) }.map { $0.clamped(to: one) } }
  }

  private static func range(from first: UInt32, count: UInt32) -> Range<UInt32> {
    let (end, overflow) = first.addingReportingOverflow(count)
    return first..<(overflow ? .max : end)
  }

  private static func ranges(ofMap path: String) -> [Range<UInt32>] { ranges(ofMapText: textOfKernelFile(path) ?? "") }

  private static func subordinate(_ path: String) -> [Range<UInt32>] { ranges(ofSubordinateText: textOfKernelFile(path) ?? "") }

  /// The user of a process owns its folder.
  package static func usersOfProcesses() -> Set<UInt32> {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return Set(
      names.filter { Int32($0) != nil }.compactMap { name in
        var status = stat()
        return stat("/proc/\(name)", &status) == 0 ? status.st_uid : nil
      })
  }
}

private func getpwuid(isUser id: UInt32) -> Bool {
  var entry = passwd()
  var found: UnsafeMutablePointer<passwd>?
  var buffer = [CChar](repeating: 0, count: 1 << 14)
  // A buffer that is too small is an entry that is there.
  return getpwuid_r(id, &entry, &buffer, buffer.count, &found) == ERANGE || found != nil
}

private func getgrgid(isGroup id: UInt32) -> Bool {
  var entry = group()
  var found: UnsafeMutablePointer<group>?
  var buffer = [CChar](repeating: 0, count: 1 << 16)
  return getgrgid_r(id, &entry, &buffer, buffer.count, &found) == ERANGE || found != nil
}
