import Evaluation
import TestSupport
import Testing

@Suite("Published files of generated tasks", .enabled(if: SharedFiles.exist, "needs the shared files beside the package"))
struct TextTaskFilesTests {
  private struct NoPrograms: ProgramRunner {
    func run(_ program: String) throws -> (passes: Bool, outcome: String) { (false, "not run") }
  }

  @Test(
    "each task finds its file among those of all tasks",
    arguments: [("nq_open", 3610), ("gsm8k", 1319), ("humaneval", 164)] as [(String, Int)])
  func finds(name: String, count: Int) throws {
    let options = TaskOptions(data: SharedFiles.file("data/evaluation"), fewShot: 0, programs: NoPrograms())
    #expect(try TaskLibrary.open(name, options).samples.count == count)
  }
}
