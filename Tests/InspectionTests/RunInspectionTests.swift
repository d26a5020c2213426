import Foundation
import Inspection
import TestSupport
import Testing

struct RunInspectionTests {
  static let record = #"""
    {"version": "0.1.0", "instruction_set": "generic", "precision": "float32", "seed": 7, "base": "models/tiny",
    "base_fingerprint": "abcd", "adapters": [], "templates": [{"name": "alpaca", "text": "{}"}],
    "data": {"files": ["data.json"], "training_rows": 5, "validation_rows": 1}}
    """#
  static let recipe = "base: models/tiny\ndata: {train: data.json}\ntraining: {epochs: 2, batch_size: 2}\noutput: out\n"
  static let metrics = """
    {"event":"validation","step":0,"loss":3.5,"tokens":10,"seconds":0.5}
    {"event":"step","step":1,"epoch":0.5,"loss":3.25,"learning_rate":0.001,"tokens":100,"supervised_tokens":40,"seconds":2.0}
    {"event":"step","step":2,"epoch":1.0,"loss":2.0,"learning_rate":0.001,"tokens":100,"supervised_tokens":40,"seconds":2.0}
    {"event":"step","step":3,"epoch":1.5,"loss":2.5,"learning_rate":0.001,"tokens":100,"supervised_tokens":40,"seconds":2.0}
    {"event":"validation","step":3,"loss":2.25,"tokens":10,"seconds":0.5}

    """

  private func write(_ sample: Sample, metrics: String = metrics) throws {
    try sample.folder.write(RunInspectionTests.record, to: "run.json")
    try sample.folder.write(RunInspectionTests.recipe, to: "recipe.yaml")
    try sample.folder.write(metrics, to: "metrics.jsonl")
  }

  @Test func aRunThatStopped() throws {
    let sample = try Sample.adapter()
    try write(sample, metrics: RunInspectionTests.metrics + #"{"event":"step","st"#)
    for name in ["checkpoints/step-000002/adapter_config.json", "checkpoints/step-000003/x"] { try sample.folder.write("{}", to: name) }
    let inspection = try sample.inspect()
    let run = try #require(inspection.run)
    #expect(inspection.kind == .run && run.state == .incomplete && run.stepsDone == 3 && run.stepsPlanned == 6)
    #expect(run.checkpoints == ["step-000002"] && run.metrics.isCutOff)
    #expect(inspection.problems.isEmpty)
    #expect(
      inspection.notes == [
        "metrics.jsonl:6: the last line is cut off.", "checkpoints/step-000003 is incomplete: it has no adapter_config.json.",
        "the run did not finish, and there is no checkpoint to go on from.",
      ])
    #expect(inspection.text(in: sample.folder) == RunInspectionTests.report)
    #expect(inspection.json["run"]?["lowest_loss"]?["step"]?.integer == 2)
  }

  private static let report = """
    DIR: run folder, incomplete

    made by        puna 0.1.0, float32 on generic, seed 7
    steps          3 of 6, 1.50 epochs
    time           6.0 s in steps (0.8 examples/s, 50 tokens/s), 1.0 s in validation
    tokens         300, of which 120 learnt
    loss           first 3.2500 at step 1, last 2.5000 at step 3, lowest 2.0000 at step 2
    validation     first 3.5000 before step 1, last 2.2500 at step 3, best 2.2500 at step 3
    settings       batch size 2, learning rate 0.0003, schedule cosine
    data           5 rows, 1 held out: data.json
    template       alpaca
    checkpoints    step 2
    base           models/tiny, fingerprint abcd...

    files
      run.json       277 B
      recipe.yaml     92 B
      metrics.jsonl  522 B

    notes
      metrics.jsonl:6: the last line is cut off.
      checkpoints/step-000003 is incomplete: it has no adapter_config.json.
      the run did not finish, and there is no checkpoint to go on from.

    """

  @Test func aRunThatFinished() throws {
    let sample = try Sample.adapter()
    let more = (4...6).map { "{\"event\":\"step\",\"step\":\($0),\"loss\":2.0,\"seconds\":2.0}\n" }
    try write(sample, metrics: RunInspectionTests.metrics + more.joined())
    try sample.writeAdapter()
    let inspection = try sample.inspect()
    #expect(inspection.run?.state == .finished && inspection.adapter?.ranks == [2] && inspection.adapter?.baseFingerprint == "abcd")
    #expect(inspection.notes.isEmpty && inspection.json["run"]?["state"]?.string == "finished")
  }

  @Test func aRunThatLacksSteps() throws {
    let sample = try Sample.adapter()
    try write(sample)
    try sample.writeAdapter()
    try sample.folder.write(
      #"{"step": 2, "updates": 2, "metrics_bytes": 10, "micro_batch_tokens": 64, "recompute": false}"#,
      to: "checkpoints/step-000002/training_state.json")
    try sample.folder.write("{}", to: "checkpoints/step-000002/adapter_config.json")
    let inspection = try sample.inspect()
    #expect(inspection.run?.state == .interrupted && inspection.adapter?.ranks == [2])
    #expect(
      inspection.notes == [
        "the adapter is there, but the metrics have 3 steps of the 6 planned.",
        "the run did not finish. Go on from step 2 with: puna train \(sample.folder.path)/recipe.yaml --resume",
      ])
  }

  @Test func filesThatNoRunWrites() throws {
    let sample = try Sample.adapter()
    try write(sample, metrics: "x\n" + RunInspectionTests.metrics)
    try sample.folder.write(#"{"base_fingerprint": 3}"#, to: "run.json")
    try sample.folder.write("bse: x\n", to: "recipe.yaml")
    let problems = try sample.inspect().problems
    #expect(problems.contains("run.json: has no 'version'."))
    #expect(problems.contains { $0.hasPrefix("recipe.yaml:1: unknown key 'bse'.") })
    #expect(problems.contains("metrics.jsonl:1: is no event of a run."))
  }

  /// Counts in files may be anything; none of them may trap.
  @Test func hostileCounts() throws {
    let sample = try Sample.adapter()
    try write(
      sample,
      metrics: #"{"event":"step","step":9223372036854775807,"loss":1e300,"tokens":9223372036854775807,"seconds":1e-300}"# + "\n"
        + #"{"event":"step","step":-9223372036854775808,"loss":-1e300,"tokens":9223372036854775807,"seconds":1e-300}"# + "\n")
    try sample.folder.write(
      RunInspectionTests.record.replacingOccurrences(of: "\"training_rows\": 5", with: "\"training_rows\": 9223372036854775807"),
      to: "run.json")
    let inspection = try sample.inspect()
    #expect(inspection.run?.stepsPlanned == nil || inspection.run?.stepsPlanned ?? 0 > 0)
    #expect(!inspection.text().isEmpty && !inspection.json.text.isEmpty)
  }
}
