import Evaluation
import Foundation
import JSON
import Testing

@Suite("Results of tasks")
struct ResultTests {
  private let subjects: [String?] =
    Array(repeating: "algebra", count: 4) + Array(repeating: "botany", count: 3) + Array(repeating: "chemistry", count: 7)
  private let values: [Double] = [1, 0, 1, 1] + [0, 0, 1] + [1, 1, 0, 0, 0, 1, 0]

  private func expect(_ result: MetricResult?, _ value: Double, _ error: Double?, _ place: SourceLocation = #_sourceLocation) {
    #expect(abs((result?.value ?? .nan) - value) < 1e-12, sourceLocation: place)
    if let error {
      #expect(abs((result?.standardError ?? .nan) - error) < 1e-12, sourceLocation: place)
    } else {
      #expect(result?.standardError == nil, sourceLocation: place)
    }
  }

  /// Expected values are those of lm-evaluation-harness's `mean_stderr`, `pooled_sample_stderr` and `unweighted_mean_stderr`.
  @Test("subjects, categories and the whole are averaged over samples, and over subjects each counting once")
  func parts() throws {
    let task = Samples.task("mmlu", subjects: subjects, categories: ["algebra": "STEM", "botany": "STEM", "chemistry": "other"])
    let result = TaskResult(task, Samples.records(task, values))
    #expect(result.sampleCount == 14)
    expect(result.metrics["acc"], 0.5, 0.14258632338542818)
    expect(result.subjectMeans["acc"], 0.503968253968254, 0.15435436776806924)
    #expect(result.subjects.map(\.name) == ["algebra", "botany", "chemistry"])
    #expect(result.subjects.map(\.sampleCount) == [4, 3, 7])
    #expect(result.subjects.map(\.category) == ["STEM", "STEM", "other"])
    expect(result.subjects[0].metrics["acc"], 0.75, 0.25)
    expect(result.subjects[1].metrics["acc"], 1.0 / 3, 1.0 / 3)
    expect(result.subjects[2].metrics["acc"], 3.0 / 7, 0.2020305089104421)
    #expect(result.categories.map(\.name) == ["STEM", "other"])
    #expect(result.categories.map(\.subjectCount) == [2, 1])
    expect(result.categories[0].metrics["acc"], 4.0 / 7, 0.20118695404073914)
    expect(result.categories[0].subjectMeans["acc"], 0.5416666666666666, 0.20833333333333334)
  }

  /// Expected values from numpy; perplexities are ratios, whose error the delta method gives.
  @Test("perplexities and bits are exponentials and logarithms of a ratio")
  func ratios() {
    let metrics = [
      Metric("mean", .mean, isShare: false), Metric("word_perplexity", .perplexity, isHigherBetter: false, isShare: false),
      Metric("bits_per_byte", .bits, isHigherBetter: false, isShare: false),
    ]
    let task = Samples.task("perplexity", metrics: metrics, subjects: [nil, nil, nil, nil])
    let values = zip([-10.5, -33.25, -7, -21.75], [4.0, 12, 3, 8]).map { MetricValue($0, weight: $1) }
    let records = zip(task.samples, values).map { sample, value in
      SampleRecord(
        sample: sample, response: .text(TextScore(logLikelihood: value.value, tokenCount: 1)),
        score: SampleScore(values: Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, value) })))
    }
    let result = TaskResult(task, records)
    expect(result.metrics["mean"], -2.685185185185185, 0.06486711104188735)
    expect(result.metrics["word_perplexity"], 14.660916113356205, 0.9510112735008723)
    expect(result.metrics["bits_per_byte"], 3.8739033505351794, 0.0935834594169246)
    #expect(result.subjects.isEmpty && result.subjectMeans.isEmpty && result.categories.isEmpty)
  }

  @Test("one sample has no standard error, and none no figure")
  func few() {
    let one = Samples.task("one", subjects: [nil])
    expect(TaskResult(one, Samples.records(one, [1])).metrics["acc"], 1, nil)
    let none = Samples.task("none", subjects: [])
    #expect(TaskResult(none, []).metrics.isEmpty)
    let uncounted = Samples.task("uncounted", subjects: [nil, nil])
    #expect(TaskResult(uncounted, Samples.records(uncounted, [nil, nil])).metrics.isEmpty)
    let weightless = Samples.records(uncounted, [MetricValue(1, weight: 0), MetricValue(1, weight: 0)])
    #expect(TaskResult(uncounted, weightless).metrics.isEmpty)
  }

  @Test("subjects of one sample leave the whole its standard error")
  func singles() {
    let task = Samples.task("mmlu", subjects: ["a", "a", "b"])
    let result = TaskResult(task, Samples.records(task, [1, 0, 1]))
    // One degree of freedom, squares of 0.5: √(3/1 · 0.5) / 3.
    expect(result.metrics["acc"], 2.0 / 3, (1.5).squareRoot() / 3)
    expect(result.subjectMeans["acc"], 0.75, nil)
  }

  @Test("subjects that are only a way to look at the samples leave the whole its plain standard error")
  func unpooled() {
    let task = Samples.task("winogender", subjects: ["a", "a", "b", "b"], poolsSubjects: false)
    let result = TaskResult(task, Samples.records(task, [1, 1, 0, 0]))
    // Pooled it would be 0.
    expect(result.metrics["acc"], 0.5, (1.0 / 3).squareRoot() / 2)
    expect(result.subjects[0].metrics["acc"], 1, 0)
  }

  @Test("a subject may count in two categories")
  func twoCategories() {
    let task = EvaluationTask(
      name: "cmmlu", version: 1, fewShot: 0,
      samples: ["law", "law", "maths"].enumerated().map { Sample(id: $0, subject: $1, request: Samples.question, target: .choice(0)) },
      scorer: Samples.Scorer(metrics: [Metric("acc")]), categories: ["law": "humanities", "maths": "STEM"],
      furtherCategories: ["law": "China specific"])
    let result = TaskResult(task, Samples.records(task, [1, 1, 0]))
    #expect(result.categories.map(\.name) == ["humanities", "China specific", "STEM"])
    #expect(result.categories.map(\.sampleCount) == [2, 2, 1])
  }

  @Test("samples whose context was cut are counted")
  func cut() {
    let task = Samples.task("piqa", subjects: [nil, nil, nil])
    func response(_ cuts: [Int]) -> SampleResponse {
      .continuations(cuts.map { ContinuationScore(logLikelihood: -1, isGreedy: false, tokenCount: 1, cutCount: $0) })
    }
    let records = zip(task.samples, [[0, 3], [0, 0], [2, 2]]).map { sample, cuts in
      SampleRecord(sample: sample, response: response(cuts), score: SampleScore(values: [:]))
    }
    #expect(TaskResult(task, records).cutSampleCount == 2)
  }

  @Test("the document has the keys of the contract in their order, and then its own")
  func document() {
    let task = Samples.task("piqa", subjects: [nil, nil, nil, nil], notes: ["Ids come from the file."])
    let base = Samples.model("base", [Samples.records(task, [1, 0, 1, 0])])
    let adapted = ModelAnswers(
      name: "alpaca", base: "models/base", adapters: ["adapters/alpaca=0.5"], facts: [EvaluationFact("fingerprint", .string("ab12"))],
      records: [Samples.records(task, [1, 1, 1, 0])])
    let result = EvaluationResult(
      tasks: [task], models: [base, adapted],
      facts: [EvaluationFact("precision", .string("float32")), EvaluationFact("seed", .integer(1234)), EvaluationFact("limit", .null)])
    #expect(
      result.document == """
        {
          "models": [
            {
              "name": "base",
              "base": "models/base",
              "adapters": [],
              "tasks": [
                {
                  "task": "piqa",
                  "version": 1,
                  "few_shot": 0,
                  "samples": 4,
                  "metrics": {
                    "acc": {"value": 0.5, "standard_error": 0.28867513459481287}
                  },
                  "cut_contexts": 0,
                  "notes": ["Ids come from the file."]
                }
              ]
            },
            {
              "name": "alpaca",
              "base": "models/base",
              "adapters": ["adapters/alpaca=0.5"],
              "tasks": [
                {
                  "task": "piqa",
                  "version": 1,
                  "few_shot": 0,
                  "samples": 4,
                  "metrics": {
                    "acc": {"value": 0.75, "standard_error": 0.25}
                  },
                  "cut_contexts": 0,
                  "notes": ["Ids come from the file."]
                }
              ],
              "facts": {"fingerprint": "ab12"}
            }
          ],
          "comparisons": [
            {
              "model": "alpaca",
              "against": "base",
              "tasks": [
                {"task": "piqa", "metric": "acc", "higher_is_better": true, "samples": 4, "difference": 0.25, "standard_error": 0.25, \
        "test": "mcnemar_exact", "model_alone": 1, "against_alone": 0, "p": 1.0, "p_holm": null}
              ]
            }
          ],
          "tests": 1,
          "facts": {"precision": "float32", "seed": 1234, "limit": null}
        }

        """)
  }

  @Test("subjects and categories have a place of their own in the document")
  func documentOfSubjects() throws {
    let task = Samples.task("mmlu", subjects: subjects, categories: ["algebra": "STEM", "botany": "STEM"])
    let result = EvaluationResult(tasks: [task], models: [Samples.model("base", [Samples.records(task, values)])])
    let document = try JSONValue(parsing: Array(result.document.utf8))
    let part = try #require(document["models"]?.array?.first?["tasks"]?.array?.first)
    #expect(part["categories"]?.array?.map { $0["category"] } == [.string("STEM")])
    #expect(part["categories"]?.array?.first?["subjects"] == .integer(2))
    #expect(part["categories"]?.array?.first?["metrics"]?["acc"]?["value"]?.double == 4.0 / 7)
    #expect(part["subjects"]?.array?.map { $0["subject"]?.string } == ["algebra", "botany", "chemistry"])
    #expect(part["subjects"]?.array?.map { $0["category"]?.string } == ["STEM", "STEM", nil])
    #expect(part["subject_means"]?["acc"]?["value"]?.double != nil)
    #expect(document["comparisons"] == nil)
  }

  @Test("a perplexity beyond what numbers hold is null in the document")
  func infinite() throws {
    let metric = Metric("word_perplexity", .perplexity, isHigherBetter: false, isShare: false)
    let task = Samples.task("perplexity", metrics: [metric], subjects: [nil, nil])
    let records = Samples.records(task, metric: metric.name, [MetricValue(-2000), MetricValue(-1500)])
    let result = EvaluationResult(tasks: [task], models: [Samples.model("a", [records]), Samples.model("b", [records])])
    #expect(result.models[0].tasks[0].metrics[0].value == .infinity)
    let document = try JSONValue(parsing: Array(result.document.utf8))
    let figure = document["models"]?.array?.first?["tasks"]?.array?.first?["metrics"]?["word_perplexity"]
    #expect(figure == .object(["value": .null, "standard_error": .null]))
  }
}
