import Evaluation
import Testing

@Suite("The list of tasks")
struct TaskLibraryTests {
  @Test("a name that is no task is refused with the nearest one and all there are")
  func unknownName() {
    let error = EvaluationError.unknownTask(name: "mmul", suggestion: "mmlu", known: TaskLibrary.names)
    #expect(throws: error) { try TaskLibrary.open("mmul", TaskOptions()) }
  }
}
