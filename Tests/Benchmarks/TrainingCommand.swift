import ArgumentParser
import Bases
import CKernels
import CPUBackend
import Datasets
import FineTuning
import Glibc
import Llama
import Tensors

/// Optimizer steps on a whole model: examples a second, share of the measured peak, memory.
struct TrainingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Optimizer steps of LoRA training; medians over steps.",
    discussion: """
      Without --base the weights are random, in the 1.1-billion-parameter shape of TinyLlama; with it only weights and shape change. Sequences \
      are random tokens behind one of two common beginnings, as long as Alpaca's are. The first step is not counted. Each step samples the \
      peak of the product instruction before and after; its share counts only the work that the gradient needs. Kernels of a step are seen \
      with 'perf record'. Tools/compare/speed.py runs real rows beside PyTorch.
      """)

  @Option(help: "Folder of a base.")
  var base: String?

  @Option(help: "bfloat16 or float32; what the processor is best at when not given.")
  var precision: Precision?

  @Option(help: "Sequences of a step.")
  var batch = 16

  @Option(help: "Tokens of each sequence, all of them different; as Alpaca's when not given.")
  var length: Int?

  @Option(help: "Rows in flight; by default as 'puna train' chooses them.")
  var rows: Int?

  @Option(help: "Rank of the adapters.")
  var rank = 8

  @Flag(help: "Adapters on all seven projections, not on attention's four alone.")
  var all = false

  @Flag(help: "Keep block inputs only.")
  var recompute = false

  @Option(help: "Layers of the random weights.")
  var layers = 22

  @Option(help: "Steps that are counted.")
  var steps = 5

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  func run() throws {
    let opened = try base.map { try Base.open($0) }
    let configuration = opened?.configuration ?? RandomBase.tinyLlama(layers: layers)
    let weights = opened?.weights ?? RandomBase.weights(configuration)
    let backend = try CPUBackend(precision: precision, threads: threads)
    let projections: [Projection] = all ? Projection.allCases : [.q, .k, .v, .o]
    let modules = (0..<configuration.layerCount).flatMap { layer in
      projections.map { randomModule(layer, $0, configuration) }
    }
    let adapter = LoRAAdapter(modules, isTrained: true, configuration: configuration, on: backend)
    let model = try LlamaModel(
      weights: BaseWeights(configuration: configuration, weights: weights), adapters: [adapter], on: backend)
    let shape = MemoryPlan.Model(
      configuration, base: weights.values.reduce(0) { $0 + $1.byteCount }, trainedParameters: adapter.parameters.count,
      activationBytes: backend.activationType.byteCount, branchColumns: projections.count * ((rank + 31) / 32 * 32))
    let plan = MemoryPlan(shape, rows: rows ?? max(MemoryPlan.mostRows, length ?? 0), recomputes: recompute)
    backend.reserve(byteCount: plan.activations + plan.workspace)
    var options = TrainingOptions(duration: .steps(steps + 1))
    options.schedule = .constant
    let trainer = Trainer(
      model: model, adapter: adapter, options: options, schedule: LearningRateSchedule(options, stepCount: steps + 1),
      recomputes: recompute)
    let packer = BatchPacker(rowLimit: plan.rows, omitsUnusedRows: true)
    let peak = try Peak(backend.precision, threads: threads)

    var random = Philox(seed: 7, stream: 0)
    var rates: [Double] = [], tokenRates: [Double] = [], shares: [Double] = [], peaks: [Double] = []
    var text = ""
    for step in 0...steps {
      let sequences = (0..<batch).map { _ in randomSequence(&random, configuration) }
      let batches = packer.pack(sequences).map(\.batch)
      let packed = PackedStep(batches: batches, tokenCount: sequences.reduce(0) { $0 + $1.ids.count }, rowNames: [])
      let work = batches.reduce(0.0) {
        $0 + NeededWork($1, configuration, projections: projections, rank: rank).total
      }
      let before = peak.measure()
      var loss = Double.nan
      let time = try seconds { loss = try trainer.run(packed, step: step)?.loss ?? .nan }
      let rate = (before + peak.measure()) / 2
      text =
        "\(packed.tokenCount) tokens, \(packed.computedCount) computed in \(batches.count) parts, loss \(format(loss, digits: 3))"
      guard step > 0 else { continue }
      rates.append(Double(batch) / time)
      tokenRates.append(Double(packed.tokenCount) / time)
      peaks.append(rate)
      shares.append(work / time / rate)
      print(
        "step \(step): \(format(time, digits: 2)) s, \(text), \(format(work / time / 1e9)) GFLOP/s of \(format(rate / 1e9)) at the peak")
    }
    print(
      """
      \(backend.instructionSet.rawValue), \(backend.precision.rawValue), \(projections.count) projections: \
      \(format(median(rates), digits: 2)) examples/s, \(format(median(tokenRates))) tokens/s, \
      \(format(median(shares) * 100, digits: 1)) % of the peak (\(format(median(peaks) / 1e9)) GFLOP/s); \
      peak of memory \(gibibytes(SystemMemory.peakResident)) GiB
      """)
    let use = backend.memoryUse
    print(
      """
      tensors held \(gibibytes(use.peak)) GiB at most, \(gibibytes(plan.adapter + plan.activations + plan.workspace)) planned with the \
      workers' \(gibibytes(use.scratch))
      """)
  }

  private func gibibytes(_ bytes: Int) -> String { format(Double(bytes) / 1_073_741_824, digits: 3) }

  private func randomModule(_ layer: Int, _ projection: Projection, _ configuration: LlamaConfiguration) -> LoRAAdapter.Module {
    let (outputs, inputs) = projection.shape(in: configuration)
    var random = Philox(seed: UInt64(layer), stream: UInt64(outputs))
    func values(_ count: Int) -> [Float] { (0..<count).map { _ in 0.02 * (random.nextUniform() - 0.5) } }
    return LoRAAdapter.Module(
      layer: layer, projection: projection, rank: rank, scale: 2, a: values(rank * inputs), b: values(outputs * rank))
  }

  /// A beginning that others share (35 tokens or 47), an instruction, a response: 134 tokens in the mean, half of them learnt.
  private func randomSequence(_ random: inout Philox, _ configuration: LlamaConfiguration) -> MaskedSequence {
    func token(_ random: inout Philox) -> Int32 { Int32(random.nextUniform() * Float(configuration.vocabularySize - 3)) + 3 }
    if let length {
      return MaskedSequence(ids: (0..<length).map { _ in token(&random) }, supervised: [length / 2..<length])
    }
    let beginning = random.nextUniform() < 0.6 ? 35 : 47
    var ids = (0..<beginning).map { Int32(3 + $0 + beginning) }
    let instruction = 10 + Int(random.nextUniform() * 32)
    let response = 6 + Int(min(4, -log(max(random.nextUniform(), 1e-6))) * 62)
    ids += (0..<instruction + response).map { _ in token(&random) }
    return MaskedSequence(ids: ids, supervised: [beginning + instruction..<ids.count])
  }
}
