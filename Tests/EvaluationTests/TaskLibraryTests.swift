import Evaluation
import Testing

@Suite("The list of tasks")
struct TaskLibraryTests {
  @Test("a name that is no task is refused with the names there are")
  func unknownName() {
    let error = EvaluationError.unknownTask(name: "mmul", suggestion: nil, known: TaskLibrary.names)
    #expect(throws: error) { try TaskLibrary.open("mmul", TaskOptions()) }
  }
}
