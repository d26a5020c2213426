import Foundation
import TestSupport

/// A folder with a small base, an adapter for it, two rows of tokens and a recipe, each of which a test may break; and the tool itself,
/// run as a process there.
final class Workspace {
  struct Result {
    let status: Int32
    let output: String
    let error: String
  }

  let folder: TemporaryFolder

  /// The tool as the package builds it, beside the tests.
  static let tool = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("puna").path
  static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path

  init() throws {
    folder = try TemporaryFolder()
    for name in ["base", "adapter"] {
      try FileManager.default.copyItem(
        atPath: "\(Workspace.package)/Tests/GoldenTests/goldens/grouped/\(name)", toPath: folder.file(name))
    }
    try write(#"[{"ids": [1, 5, 6, 7, 8, 2], "prompt_length": 3}, {"ids": [1, 9, 10, 2], "prompt_length": 2}]"#, to: "data.json")
    try recipe()
  }

  func write(_ text: String, to name: String) throws { try folder.write(text, to: name) }
  func write(_ bytes: [UInt8], to name: String) throws { try folder.write(bytes, to: name) }
  func read(_ name: String) throws -> String { try String(contentsOfFile: folder.file(name), encoding: .utf8) }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(name)) }
  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file(name)) }

  func recipe(
    base: String = "base", train: String = "data.json", data: String = "", lora: String = "{rank: 2}",
    training: String = "{max_steps: 1, batch_size: 2}", output: String = "out", more: String = ""
  ) throws {
    try write(
      "base: \(base)\ndata:\n  train: \(train)\n\(data)lora: \(lora)\ntraining: \(training)\noutput: \(output)\n\(more)", to: "r.yaml")
  }

  /// Replaces text that occurs in a file.
  func edit(_ name: String, _ text: String, _ replacement: String) throws {
    let before = try read(name)
    let after = before.replacingOccurrences(of: text, with: replacement)
    guard before != after else { throw Unchanged(file: name, text: text) }
    try write(after, to: name)
  }

  struct Unchanged: Error {
    let file: String
    let text: String
  }

  /// Runs the tool in the folder.
  ///
  /// - Parameter input: what stands on standard input.
  func run(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    try write(input, to: ".stdin")
    process.standardInput = FileHandle(forReadingAtPath: folder.file(".stdin"))
    // Files, not pipes: a pipe that nobody empties stops the tool.
    let (output, error) = (folder.file(".stdout"), folder.file(".stderr"))
    for file in [output, error] { try Data().write(to: URL(fileURLWithPath: file)) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: error)
    try process.run()
    process.waitUntilExit()
    // A crash is not a status.
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return Result(status: status, output: try read(".stdout"), error: try read(".stderr"))
  }
}
