import Foundation

/// Resident memory of a process and all that it and they have started. What processes share counts for each of them.
///
/// A process that ends meanwhile counts as nothing: the next look sees who took over its children.
package func residentByteCount(ofProcessAndDescendants first: pid_t) -> Int {
  var sum = 0
  var open = [first]
  var seen: Set<pid_t> = []
  while let process = open.popLast() {
    guard seen.insert(process).inserted else { continue }
    let fields = (textOfKernelFile("/proc/\(process)/statm") ?? "").split(separator: " ")
    if fields.count > 1, let pages = Int(fields[1]) { sum += pages * pageByteCount }
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
    for thread in threads {
      let children = textOfKernelFile("/proc/\(process)/task/\(thread)/children") ?? ""
      open += children.split(separator: " ").compactMap { pid_t($0) }
    }
  }
  return sum
}

private let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))

/// Whether the kernel says whose child a process is, as `residentByteCount` needs.
func kernelListsChildren() -> Bool { textOfKernelFile("/proc/self/task/\(getpid())/children") != nil }

/// The text of a file that says nothing of its size, as those of the kernel; nil when it cannot be read. A megabyte is more than any here has.
package func textOfKernelFile(_ path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while bytes.count < 1 << 20 {
    let count = read(descriptor, &buffer, buffer.count)
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    if count > 0 { bytes += buffer.prefix(count) } else if errno != EINTR { return nil }
  }
  return nil
}
