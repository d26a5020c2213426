import Glibc

/// Memory of this machine, in bytes.
public enum SystemMemory {
  public static var total: Int { kibibytes("MemTotal") }

  /// What can be had without swapping, within the control group's limit.
  public static var available: Int { min(kibibytes("MemAvailable"), roomInControlGroup()) }

  /// What this process has in memory now that is its own, not mapped from files.
  public static var resident: Int { kibibytes("RssAnon", of: "/proc/self/status") }

  /// What this process has in memory now, mapped pages of files included.
  public static var residentWithFiles: Int { kibibytes("VmRSS", of: "/proc/self/status") }

  /// The most that this process has had in memory, mapped pages of files included.
  public static var peakResident: Int { kibibytes("VmHWM", of: "/proc/self/status") }

  private static func kibibytes(_ name: String, of path: String = "/proc/meminfo") -> Int {
    guard let value = field(name, of: path), let number = Int(value.prefix { $0.isNumber }) else { return 0 }
    return number * 1024
  }

  /// Bytes that the control group's memory limit leaves, counting cached files as free; `Int.max` without a limit.
  private static func roomInControlGroup() -> Int {
    let root = "/sys/fs/cgroup"
    for (limit, usage, statistics, cached) in [
      ("memory.max", "memory.current", "memory.stat", "inactive_file "),
      ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file "),
    ] {
      if let limit = lines(of: "\(root)/\(limit)").first.flatMap({ Int($0) }),
        let usage = lines(of: "\(root)/\(usage)").first.flatMap({ Int($0) })
      {
        let cache = lines(of: "\(root)/\(statistics)").first { $0.hasPrefix(cached) }.flatMap { Int($0.dropFirst(cached.count)) } ?? 0
        return max(0, limit - usage + cache)
      }
    }
    return Int.max
  }
}

/// The first line of a file that begins with `name`, after its colon.
func field(_ name: String, of path: String) -> String? {
  for line in lines(of: path) where line.hasPrefix(name) {
    guard let colon = line.firstIndex(of: ":") else { continue }
    return line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }.description
  }
  return nil
}

private func lines(of path: String) -> [String] {
  guard let file = fopen(path, "re") else { return [] }
  defer { fclose(file) }
  var lines: [String] = []
  var buffer: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(buffer) }
  while getline(&buffer, &capacity, file) >= 0 {
    guard let buffer else { break }
    lines.append(String(cString: buffer).split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? "")
  }
  return lines
}
