import Foundation
import Testing

/// A folder for chains: the tiny base with rows of tokens, a recipe for it, and files of made-up text.
struct ChainWorkspace {
  let workspace: Workspace

  /// `r.yaml` trains `base` on `data.json` into `out`; `merge.yaml` merges that into `merged`.
  init(steps: Int = 9, more: String = "") throws {
    workspace = try Workspace()
    let rows = (0..<7).map { row in
      "{\"ids\": [1, \((0..<(4 + row)).map { "\(3 + (5 * row + 7 * $0) % 50)" }.joined(separator: ", ")), 2], \"prompt_length\": 2}"
    }
    try workspace.write("[\(rows.joined(separator: ",\n"))]", to: "data.json")
    try workspace.recipe(
      data: "  validation: 2\n  max_length: 64\n", training: "{max_steps: \(steps), batch_size: 2, learning_rate: 1.0e-2}",
      more: "compute: {precision: float32}\n\(more)")
    try workspace.write("base: base\nadapter: [out]\noutput: merged\n", to: "merge.yaml")
    try chain("- {name: long, run: train r.yaml}", "- run: merge merge.yaml")
  }

  /// Writes `chain.yaml` with its record in `work`.
  func chain(_ steps: String...) throws {
    try workspace.write("output: work\nsteps:\n" + steps.map { "  \($0)\n" }.joined(), to: "chain.yaml")
  }

  func run(_ more: String..., quiet: Bool = true) throws -> Workspace.Result {
    try workspace.run(["chain", "chain.yaml"] + (quiet ? ["--quiet"] : []) + more)
  }

  func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file(name))) }

  /// Lines that the chain itself writes about its steps.
  func headers(_ result: Workspace.Result) -> [String] {
    result.error.split(separator: "\n").map(String.init).filter { $0.contains(/^step \d+ of \d+:/) }
  }

  // MARK: - Processes

  /// Begins the chain as a process, through `bash` in a group of its own where `inGroup`.
  func start(inGroup: Bool = false) throws -> Process {
    let process = Process()
    let words = ["chain", "chain.yaml", "--quiet"]
    if inGroup {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", "set -m; \"$@\" & echo $! > group; wait $!", "bash", Workspace.tool] + words
    } else {
      process.executableURL = URL(fileURLWithPath: Workspace.tool)
      process.arguments = words
    }
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    for name in ["error", "output"] { try workspace.write("", to: name) }
    process.standardError = FileHandle(forWritingAtPath: workspace.folder.file("error"))
    process.standardOutput = FileHandle(forWritingAtPath: workspace.folder.file("output"))
    try process.run()
    return process
  }

  /// Waits until the run in `out` has made some steps.
  func waitForSteps(_ count: Int) throws {
    for _ in 0..<3000 {
      if let text = try? workspace.read("out/metrics.jsonl"), text.split(separator: "\n").count > count { return }
      usleep(10_000)
    }
    Issue.record("the training made no steps")
  }

  /// The processes that `id` started.
  func children(of id: Int32) throws -> [Int32] {
    try String(contentsOfFile: "/proc/\(id)/task/\(id)/children", encoding: .utf8).split(separator: " ").compactMap { Int32($0) }
  }
}
