import ArgumentParser
import Bases
import CKernels
import CPUBackend
import Llama
import Tensors

/// Generation with a whole model: tokens a second of one sequence and of several, and of a prompt, against the memory's rate of reading.
struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Decoding and prompts with a base, against the memory's rate of reading.",
    discussion: """
      Each repeat measures everything once, in turns, and reads memory with all threads before and after each; printed are medians, of
      shares and ratios too. A token of one sequence reads every weight once; that and no cache is what the share counts.
      """)

  @Option(help: "Folder of a base.")
  var base: String

  @Option(help: "bfloat16 or float32; what the processor is best at when not given.")
  var precision: Precision?

  @Option(help: "Tokens before those that are decoded.")
  var context: [Int] = [16, 1000]

  @Option(help: "Sequences that are decoded together.")
  var sequences = 16

  @Option(help: "Tokens of the prompt.")
  var prompt = 512

  @Option(help: "Tokens that each repeat decodes.")
  var steps = 4

  @Option(help: "Repeats.")
  var repeats = 9

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  @Flag(help: "Tokens a second as one JSON object.")
  var json = false

  func run() throws {
    let opened = try Base.open(base)
    let backend = try CPUBackend(precision: precision, threads: threads)
    let model = try LlamaModel(weights: BaseWeights(configuration: opened.configuration, weights: opened.weights), on: backend)
    // Every weight but the embedding, of which a token takes a row.
    let embedding = opened.configuration.tiesEmbeddings ? 0 : opened.weights["model.embed_tokens.weight"]?.byteCount ?? 0
    let bytes = Double(opened.byteCount - embedding)
    let bandwidth = try Bandwidth(threads: threads)
    let pairs = context.map { context in
      Pair(
        context: context, one: ModelBenchmark(model, context: context, sequences: 1, room: context + steps),
        several: ModelBenchmark(model, context: context, sequences: sequences, room: context + steps))
    }
    let reader = ModelBenchmark(model, context: 0, sequences: 1, room: prompt)
    var read: [Double] = [], promptRates: [Double] = []
    for turn in -1..<repeats {
      for pair in pairs {
        let before = bandwidth.measure()
        let one = Double(steps) / pair.one.secondsOfSteps(steps)
        let memory = (before + bandwidth.measure()) / 2
        let several = Double(steps * sequences) / pair.several.secondsOfSteps(steps)
        guard turn >= 0 else { continue }
        read.append(memory)
        pair.add(one: one, share: one * bytes / memory, several: several)
      }
      let rate = Double(prompt) / reader.secondsOfPrompt(prompt)
      if turn >= 0 { promptRates.append(rate) }
    }
    if json { return printJSON(pairs, median(promptRates)) }
    print(
      "\(backend.instructionSet.rawValue), \(backend.precision.rawValue), \(format(bytes / 1e9, digits: 2)) GB of weights a token,",
      "memory reads \(format(median(read) / 1e9, digits: 1)) GB/s; medians of \(repeats)")
    for pair in pairs {
      print(
        "context \(format(Double(pair.context), width: 4)): 1 sequence \(format(median(pair.one.rates), digits: 1)) tokens/s,",
        "\(format(median(pair.shares) * 100, digits: 1)) % of what memory reads;",
        "\(sequences) sequences \(format(median(pair.several.rates), digits: 1)) tokens/s, \(format(median(pair.ratios), digits: 2)) times"
      )
    }
    print("prompt of \(prompt): \(format(median(promptRates))) tokens/s")
  }

  private func printJSON(_ pairs: [Pair], _ promptRate: Double) {
    var fields = ["\"prompt \(prompt)\": \(promptRate)"]
    for pair in pairs {
      fields.append("\"context \(pair.context), 1\": \(median(pair.one.rates))")
      fields.append("\"context \(pair.context), \(sequences)\": \(median(pair.several.rates))")
    }
    print("{\(fields.joined(separator: ", "))}")
  }
}

/// One and several sequences of one length, what they took and how they compare, repeat by repeat.
private final class Pair {
  let context: Int
  let one, several: ModelBenchmark
  private(set) var shares: [Double] = [], ratios: [Double] = []

  init(context: Int, one: ModelBenchmark, several: ModelBenchmark) {
    self.context = context
    self.one = one
    self.several = several
  }

  func add(one rate: Double, share: Double, several together: Double) {
    one.rates.append(rate)
    several.rates.append(together)
    shares.append(share)
    ratios.append(together / rate)
  }
}

/// Sequences of one length that grow by a few tokens and are cut back again.
private final class ModelBenchmark {
  private let model: LlamaModel
  private let cache: KVCache
  private let residents: [Int]
  private let context: Int
  private var token: Int32 = 1
  /// Tokens a second of the repeats.
  var rates: [Double] = []

  init(_ model: LlamaModel, context: Int, sequences: Int, room: Int) {
    self.model = model
    self.context = context
    let cache = KVCache(capacity: sequences * room, configuration: model.configuration, on: model.backend)
    self.cache = cache
    residents = (0..<sequences).compactMap { _ in cache.makeResident(limit: room) }
    for resident in residents where context > 0 { extend([resident], by: context) }
  }

  func secondsOfSteps(_ steps: Int) -> Double {
    defer { for resident in residents { cache.keep(context, of: resident) } }
    return seconds { for _ in 0..<steps { extend(residents, by: 1) } }
  }

  func secondsOfPrompt(_ count: Int) -> Double {
    defer { for resident in residents { cache.keep(0, of: resident) } }
    return seconds { extend(residents, by: count) }
  }

  private func extend(_ residents: [Int], by count: Int) {
    var tokens: [Int32] = []
    var segments: [PackedBatch.Segment] = []
    for resident in residents {
      segments.append(
        PackedBatch.Segment(
          rows: tokens.count..<tokens.count + count, parent: .resident(resident), position: cache.nextPosition(of: resident)))
      for _ in 0..<count {
        token = (token &* 1_103 &+ 12_345) % Int32(model.configuration.vocabularySize)
        tokens.append(max(token, 0))
      }
    }
    let batch = PackedBatch(tokens: tokens, segments: segments, targets: [])
    _ = model.mostLikelyTokens(batch, rows: segments.map { Int32($0.rows.upperBound - 1) }, cache: cache)
  }
}
