import ArgumentParser
import Runs

struct RunsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "List the run folders below a folder, and compare them.",
    discussion: """
      Each run with its state, steps done of those planned, best validation loss, last training loss, time and speed; then what their \
      recipes differ in. States: finished, running, interrupted (--resume goes on), incomplete (nothing to go on from). \
      Folders that are no runs are named. Exit status: 0 nothing is wrong, 1 a run's files are broken.

      --json prints one object: runs (path, run as in `puna inspect --json`, settings, notes, problems), differences, others.
      """)

  @Argument(help: "A folder that holds run folders, or one run folder.") var folder: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let table = RunTable(try RunList(folder: folder), below: folder)
    print(json ? table.json.text : table.text, terminator: "")
    if table.list.runs.contains(where: { !$0.problems.isEmpty }) { throw ExitCode(1) }
  }
}
