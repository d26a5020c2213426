import Foundation

/// A Python on this machine and what it needs to start.
package struct PythonInterpreter: Sendable {
  /// Absolute, without symbolic links.
  package let executable: String
  /// Folders of the standard library and of the shared libraries, without symbolic links.
  package let folders: [String]

  /// Prints, between zeros, the version, the executable behind shims and virtual environments, the prefixes and the module folders.
  private static let question = """
    import os, sys
    paths = [getattr(sys, "_base_executable", None) or sys.executable, sys.base_prefix, sys.base_exec_prefix] + sys.path
    parts = [str(sys.version_info[0])] + [os.path.realpath(path) for path in paths]
    sys.stdout.write("\\0" + "\\0".join(parts) + "\\0")
    """

  /// The `python3` that comes first in `PATH`. It is run, with the caller's rights, to say where it lies: it may be a script in front of the program.
  package static func find(path: String = ProcessInfo.processInfo.environment["PATH"] ?? "") throws -> PythonInterpreter {
    let candidates = path.split(separator: ":").map { "\($0)/python3" }
    guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw CodeExecutionError.pythonNotFound(path: path)
    }
    return try PythonInterpreter(asking: found)
  }

  private init(asking path: String) throws {
    func unusable(_ reason: String) -> CodeExecutionError { .pythonUnusable(path: path, reason: reason) }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-I", "-S", "-c", Self.question]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    do { try process.run() } catch { throw unusable("it cannot be started: \(error.localizedDescription).") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    let fields = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    guard process.terminationReason == .exit, process.terminationStatus == 0, fields.count > 5 else {
      throw unusable("asked where it lies it answered \"\(text.suffix(300))\" with status \(process.terminationStatus).")
    }
    guard fields[1] == "3" else { throw unusable("it is Python \(fields[1]).") }
    executable = fields[2]
    // Nix and Guix spread what a program needs over their store.
    let store = ["/nix/store", "/gnu/store"].filter { fields[2].hasPrefix($0 + "/") }
    let libraries = fields[3...4].flatMap { [$0 + "/lib", $0 + "/lib64"] }
    folders = (store + libraries + fields[5...]).filter { isFolder($0) }
  }
}

/// Whether a path leads to a folder.
func isFolder(_ path: String) -> Bool {
  var isDirectory: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}
