import Checkpoints
import Evaluation
import Foundation

/// What an evaluation writes: scores, samples and the report, each whole or not at all.
///
/// The files are begun before the first question, so that a folder that cannot be written to is found then.
final class EvaluationFiles {
  private let output: AtomicFile?
  private let samples: AtomicFile?
  private let report: AtomicFile?

  init(output: String?, samples: String?, report: String?) throws {
    self.output = try output.map { try AtomicFile($0) }
    self.samples = try samples.map { try AtomicFile($0) }
    self.report = try report.map { try AtomicFile($0) }
  }

  /// Adds a task's samples, as a model answered them.
  func append(_ records: [SampleRecord], of task: EvaluationTask, by model: EvaluatedModel) throws {
    guard let samples else { return }
    for record in records {
      let line = record.line(model: model.name, task: task.name) { prompt in
        switch prompt {
        case .raw(let text): text
        case .instruction(let instruction, let input): model.encoder.template.prompt(instruction: instruction, input: input)
        }
      }
      try EvaluationFiles.write(line + "\n", to: samples)
    }
  }

  func finish(_ result: EvaluationResult, _ answers: [ModelAnswers]) throws {
    if let output { try EvaluationFiles.write(result.document, to: output) }
    if let report { try EvaluationFiles.write(EvaluationReport(result, answers: answers).html, to: report) }
    for file in [output, samples, report] { try file?.commit() }
  }

  private static func write(_ text: String, to file: AtomicFile) throws {
    var text = text
    try text.withUTF8 { try file.append(UnsafeRawBufferPointer($0)) }
  }
}
