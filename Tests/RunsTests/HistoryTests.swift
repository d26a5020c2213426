import Runs
import TestSupport
import Testing

@Suite("The course of a run")
struct HistoryTests {
  @Test func everyEventIsRead() throws {
    let history = Course.history(
      """
      {"event":"warning","step":0,"kind":"template","text":"The template does not fit."}
      {"event":"validation","step":0,"loss":3.5,"tokens":10,"seconds":0.5}
      {"event":"step","step":1,"epoch":0.5,"loss":3.25,"learning_rate":0.001,"gradient_norm":2,"tokens":100,"supervised_tokens":40,"seconds":2.0}
      {"event":"skipped","step":2,"rows":["data.json, row 3"]}
      {"event":"step","step":3,"loss":null,"more":{"a":[1,{"b":null}]},"seconds":1}
      {"event":"validation","step":3,"loss":null,"seconds":0.5,"bits_per_byte":1.25}
      {"event":"samples","step":3,"samples":[{"instruction":"Say \\"a\\".","input":"","expected":" a","answer":"a\\n"},{"instruction":"Go","input":"on","answer":"b"}],"seconds":1}
      {"event":"warning","step":3,"kind":"template","text":"The template does not fit."}

      """)
    #expect(history.unreadableLines.isEmpty && history.lineCount == 8)
    #expect(history.steps.map(\.step) == [1, 3] && history.validations.map(\.step) == [0, 3])
    let first = try #require(history.steps.first)
    #expect(first.epoch == 0.5 && first.loss == 3.25 && first.learningRate == 0.001 && first.gradientNorm == 2 && first.tokens == 100)
    #expect(first.supervisedTokens == 40 && first.seconds == 2 && first.elapsed == 2.5 && first.tokensPerSecond == 50)
    #expect(history.steps[1].loss == nil && history.steps[1].epoch == nil && history.steps[1].elapsed == 3.5)
    #expect(history.validations.map(\.bitsPerByte) == [nil, 1.25])
    #expect(history.warnings == ["The template does not fit."])
    let samples = try #require(history.samples.first)
    #expect(samples.step == 3 && samples.samples.map(\.isExact) == [true, false] && samples.samples[1].expected == nil)
    #expect(samples.samples[0].instruction == "Say \"a\".")
  }

  /// The rest of a line may come later.
  @Test func halfALineIsLeftForTheNextTime() {
    let text = Array(Course.lines(steps: 3).utf8)
    for cut in 0...text.count {
      var history = RunHistory()
      let taken = text[..<cut].withUnsafeBytes { history.read($0) }
      #expect(taken <= cut)
      let rest = text[taken...].withUnsafeBytes { history.read($0) }
      #expect(taken + rest == text.count && history.steps.map(\.step) == [1, 2, 3] && history.unreadableLines.isEmpty)
    }
  }

  @Test(arguments: [
    "x", "{}", "[]", "3", #"{"event":"step"}"#, #"{"step":1}"#, #"{"event":3,"step":1}"#, #"{"event":"step","step":"1"}"#,
    #"{"event":"step","step":1.5}"#, #"{"event":"step","step":1,"loss":nan}"#, #"{"event":"step","step":1,"loss":1e999}"#,
    #"{"event":"step","step":99999999999999999999}"#, #"{"event":"step","step":1} x"#, #"{"event":"step","step":1,}"#,
    #"{"event":"other","step":1,"a":1,"a":2}"#, #"{"event":"step","step":1,"x":"#,
  ])
  func whatIsNoEventIsNamed(line: String) {
    let history = Course.history(Course.lines(steps: 1) + line + "\n\n" + Course.lines(steps: 1))
    #expect(history.unreadableLines == [2] && history.lineCount == 4 && history.steps.count == 2)
  }

  /// Numbers in files may be anything; none of them may trap.
  @Test func hostileNumbers() throws {
    let folder = try TemporaryFolder()
    let text =
      #"{"event":"step","step":9223372036854775807,"epoch":1e300,"loss":1e300,"learning_rate":1e-320,"tokens":9223372036854775807,"#
      + #""supervised_tokens":9223372036854775807,"seconds":1e308}"# + "\n"
      + #"{"event":"step","step":-9223372036854775808,"epoch":-1e300,"loss":1e-300,"learning_rate":-1e300,"tokens":9223372036854775807,"#
      + #""seconds":1e308}"# + "\n" + #"{"event":"validation","step":9223372036854775807,"loss":-1e300,"seconds":1e308}"# + "\n"
      + #"{"event":"stopped","step":9223372036854775807,"text":"x"}"# + "\n" + #"{"event":"samples","step":1,"samples":[3,{}]}"# + "\n"
    try folder.write(text, to: "metrics.jsonl")
    let training = "{epochs: 9223372036854775807, batch_size: 3}"
    try folder.write("base: b\ndata: {train: d.json}\ntraining: \(training)\noutput: o\n", to: "recipe.yaml")
    try folder.write(RunSample.record.replacingOccurrences(of: ": 5", with: ": 9223372036854775807"), to: "run.json")
    let facts = RunFacts(folder: folder.path)
    #expect(facts.stepsDone == Int.max && facts.stepsPlanned == nil)
    #expect(!facts.json.text.isEmpty)
    _ = try PageText(LossChart(facts.metrics, title: "x", stepCount: nil).svg, prologue: ChartTests.prologue)
    _ = try PageText(RunReport(facts, norms: [], session: RunReport.Session(), recipe: "").html)
    _ = try EventReader(GrowingBytes.of(EventFile(run: folder.path, facts.metrics).path))
    #expect(RunTable(try RunList(folder: folder.path), below: folder.path).text.contains("ages"))
  }
}
