import CPUBackend
import Evaluation
import Foundation
import Llama
import Tensors
import TestSupport
import Tokenizers

/// A tiny model that is asked, and what it says when each sequence is computed alone, in Double.
struct RequestCase {
  let model: EvaluatedModel
  let tokenizer: SentencePieceTokenizer
  let reference: ReferenceLlama<Double>
  let positions: Int
  private let known = KnownLogits()

  init(positions: Int = 400, weights: ((inout [String: [Float]]) -> Void)? = nil, threads: Int = 2) throws {
    self.positions = positions
    let tokenizer = try SentencePieceTokenizer(bytes: TinySentencePiece().bytes, name: "tiny")
    self.tokenizer = tokenizer
    let tiny = TinyModel(
      LlamaConfiguration(
        vocabularySize: tokenizer.vocabularySize, hiddenSize: 16, intermediateSize: 20, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
        headDimension: 6, normEpsilon: 1e-5, maximumPositions: positions))
    reference = tiny.reference(Double.self)
    var stored = tiny.weights
    if let weights {
      var tensors = tiny.tensors
      weights(&tensors)
      stored = BaseWeights(
        configuration: tiny.configuration,
        weights: Dictionary(
          uniqueKeysWithValues: tiny.configuration.expectedTensors.map {
            ($0.name, StoredWeight(name: $0.name, shape: $0.shape, values: tensors[$0.name, default: []]))
          }))
    }
    let network = try LlamaModel(weights: stored, on: CPUBackend(precision: .float32, threads: threads))
    model = EvaluatedModel(
      name: "tiny", network: network, tokenizer: tokenizer, encoder: try PromptEncoder(.named("alpaca"), tokenizer),
      ends: tokenizer.endOfSequence.map { [$0] } ?? [])
  }

  /// A model that only says what comes after each of `ids`: the next of them, whatever came before; after the last one, the end.
  static func spelling(_ ids: [Int32]) throws -> RequestCase {
    try RequestCase(positions: 64) { tensors in
      for name in tensors.keys where name.contains("o_proj") || name.contains("down_proj") {
        tensors[name] = tensors[name]?.map { _ in 0 }
      }
      tensors["model.norm.weight"] = tensors["model.norm.weight"]?.map { _ in 1 }
      let width = tensors["model.norm.weight"]?.count ?? 0
      let embedding = tensors["model.embed_tokens.weight", default: []]
      var head = [Float](repeating: 0, count: embedding.count)
      for (id, next) in zip(ids, ids.dropFirst() + [2]) {
        let row = embedding[Int(id) * width..<(Int(id) + 1) * width]
        let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        head.replaceSubrange(Int(next) * width..<(Int(next) + 1) * width, with: row.map { $0 / length })
      }
      tensors["lm_head.weight"] = head
    }
  }

  func begun(_ text: String) throws -> [Int32] { try [1] + tokenizer.encode(text) }

  /// Of each place of `tokens` from `start` on: the token's log-probability and whether it is the most likely one.
  func plainScores(_ tokens: [Int32], from start: Int) -> [(logProbability: Double, isMostLikely: Bool)] {
    let inputs = Array(tokens.dropLast())
    let logits = known.logits[inputs] ?? reference.logits(inputs.map(Int.init))
    known.logits[inputs] = logits
    return (start..<tokens.count).map { place in
      let row = logits[place - 1]
      let largest = row.max() ?? 0
      let sum = row.reduce(0) { $0 + exp($1 - largest) }
      let value = row[Int(tokens[place])]
      return (value - largest - log(sum), value == largest)
    }
  }

  /// As the harness sums them: `(context + continuation)[-(positions + 1):]`.
  func plain(_ context: [Int32], _ continuation: [Int32]) -> ContinuationScore {
    let whole = Array((context + continuation).suffix(positions + 1))
    let scores = plainScores(whole, from: whole.count - continuation.count)
    return ContinuationScore(
      logLikelihood: scores.reduce(0) { $0 + $1.logProbability }, isGreedy: scores.allSatisfy(\.isMostLikely),
      tokenCount: continuation.count, cutCount: context.count + continuation.count - whole.count)
  }

  func plain(_ continuation: Continuation) throws -> ContinuationScore {
    let context = try begun(continuation.context)
    return plain(context, Array(try begun(continuation.context + continuation.text).dropFirst(context.count)))
  }

  /// All responses, by request; and what it took.
  func respond(
    to requests: [SampleRequest], rowLimit: Int = 2048, seed: UInt64 = 1
  ) throws -> (responses: [SampleResponse?], counts: RequestRunner.Counts) {
    let runner = RequestRunner(model, seed: seed, rowLimit: rowLimit)
    var responses = [SampleResponse?](repeating: nil, count: requests.count)
    try runner.respond(to: requests) { index, response in
      precondition(responses[index] == nil, "one response for a request")
      responses[index] = response
    }
    return (responses, runner.counts)
  }

  func continuations(_ asked: [[Continuation]], rowLimit: Int = 2048) throws -> [[ContinuationScore]] {
    try respond(to: asked.map { .continuations($0) }, rowLimit: rowLimit).responses.map {
      guard case .continuations(let scores)? = $0 else { return [] }
      return scores
    }
  }
}

/// What the plain network was asked before: it is slow.
private final class KnownLogits {
  var logits: [[Int32]: [[Double]]] = [:]
}

/// Whether scores agree: log-likelihoods within `tolerance`, the rest exactly.
func agree(_ a: [ContinuationScore], _ b: [ContinuationScore], within tolerance: Double) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { a, b in
      abs(a.logLikelihood - b.logLikelihood) <= tolerance * max(1, abs(b.logLikelihood)) && a.isGreedy == b.isGreedy
        && a.tokenCount == b.tokenCount && a.cutCount == b.cutCount
    }
}
