import Foundation

/// Memory that this process may still take.
enum SystemMemory {
  /// Bytes: the smaller of what the system calls available and what is left of the control group's limit.
  static var available: Int {
    let system = meminfo("MemAvailable:") ?? 1 << 33
    let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].lazy.compactMap(number).first
    let used = ["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"].lazy.compactMap(number).first
    guard let limit else { return system }
    return min(system, max(0, limit - (used ?? 0)))
  }

  private static func meminfo(_ key: String) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private static func number(_ path: String) -> Int? {
    (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }
}
