import ArgumentParser
import Bases
import CPUBackend
import Evaluation
import Foundation
import JSON
import Llama
import Tensors
import Tokenizers

/// Questions with choices, as an evaluation asks them. `Tools/compare/mmlu_speed.py` runs it beside transformers.
struct RequestsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "requests",
    abstract: "Likelihoods of continuations: rows of {\"contexts\": [...], \"continuations\": [...]}, one JSON object a line.",
    discussion: "Prints the scores of each row as JSON, in their order, and last what all took.")

  @Option(help: "Folder of the base.")
  var base: String

  @Option(help: "File of rows.")
  var file: String

  @Option(help: "bfloat16 or float32.")
  var precision: Precision = .bfloat16

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  func run() throws {
    let opened = try Base.open(base)
    guard let path = opened.tokenizerPath else { throw ValidationError("\(base) has no tokenizer.model.") }
    let tokenizer = try SentencePieceTokenizer(bytes: Array(Data(contentsOf: URL(fileURLWithPath: path))))
    let backend = try CPUBackend(precision: precision, threads: threads)
    let network = try LlamaModel(weights: BaseWeights(configuration: opened.configuration, weights: opened.weights), on: backend)
    let requests = try rows()
    let model = EvaluatedModel(
      name: base, network: network, tokenizer: tokenizer, encoder: try PromptEncoder(.named("alpaca"), tokenizer), ends: [])
    let runner = RequestRunner(model, seed: 1)
    // Maps the weights and starts the threads.
    try RequestRunner(model, seed: 1).respond(to: Array(requests.prefix(1))) { _, _ in }
    var scores = [[ContinuationScore]](repeating: [], count: requests.count)
    var encoding = 0.0
    let begin = ContinuousClock.now
    try runner.respond(
      to: requests,
      onProgress: { _ in if encoding == 0 { encoding = elapsed(since: begin) } },
      onResponse: { index, response in if case .continuations(let known) = response { scores[index] = known } })
    let seconds = elapsed(since: begin)
    for known in scores {
      let values = known.map { "{\"loglikelihood\": \($0.logLikelihood), \"is_greedy\": \($0.isGreedy), \"cut\": \($0.cutCount)}" }
      print("[\(values.joined(separator: ", "))]")
    }
    print(
      "{\"rows\": \(requests.count), \"seconds\": \(seconds), \"rows_per_second\": \(Double(requests.count) / seconds),",
      "\"first_batch_after\": \(encoding), \"tokens_asked\": \(runner.counts.tokensAsked),",
      "\"tokens_computed\": \(runner.counts.tokensComputed), \"cut_contexts\": \(runner.counts.cutContexts)}")
  }

  private func rows() throws -> [SampleRequest] {
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    return try lines.enumerated().map { number, line in
      let row = try JSONValue(parsing: Array(line.utf8))
      let contexts = row["contexts"]?.array?.compactMap(\.string) ?? []
      let continuations = row["continuations"]?.array?.compactMap(\.string) ?? []
      guard !contexts.isEmpty, contexts.count == continuations.count else {
        throw ValidationError("\(file):\(number + 1): expected as many contexts as continuations.")
      }
      return .continuations(zip(contexts, continuations).map { Continuation(context: $0, text: $1) })
    }
  }

  private func elapsed(since begin: ContinuousClock.Instant) -> Double {
    let duration = ContinuousClock.now - begin
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
