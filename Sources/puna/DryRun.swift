import CPUBackend
import Datasets
import FineTuning
import Foundation
import Tensors

/// What a run would do and take, found without training: everything is opened and checked, the rows of an epoch are tokenized and packed.
struct DryRun {
  let text: String

  init(_ run: TrainingRun) throws {
    try run.check()
    let plan = try run.planMemory()
    let examples = run.examples
    let packer = BatchPacker(rowLimit: plan.rows, omitsUnusedRows: true)
    // Enough steps to know the share that sharing saves; their order is shuffled already.
    let done = run.firstStep
    let left = max(0, run.stepCount - done)
    let sampled = min(examples.stepsPerEpoch, 200)
    var (asked, computed, supervised) = (0, 0, 0)
    var longest: PackedBatch?
    for step in 0..<sampled {
      for packed in packer.pack(try examples.examples(epoch: 0, step: step)) {
        asked += packed.tokenCount
        computed += packed.batch.rowCount
        supervised += packed.batch.targets.count
        if packed.batch.targets.count > 0, packed.batch.rowCount > longest?.rowCount ?? 0 { longest = packed.batch }
      }
    }
    func perEpoch(_ count: Int) -> Int { count * examples.stepsPerEpoch / max(1, sampled) }
    let configuration = run.configuration
    let base = configuration.parameterCount
    let trained = run.trainedParameters
    let work = TrainingWork(run)
    let operations = work.operations(computed: computed, supervised: supervised) / Double(max(1, sampled))
    let machine = try MachineReport(threads: run.recipe.compute.threads)
    let peak = run.precision == .bfloat16 ? machine.bfloat16Peak : machine.float32Peak
    let time: String
    if let longest {
      let step = try MeasuredStep(run, plan, on: longest)
      let seconds = Double(computed) / Double(max(1, sampled)) / step.rowsPerSecond
      let reached = operations / seconds / peak
      time =
        "about \(Terminal.duration(seconds * Double(left))) by a measurement of its blocks, validation and samples aside; "
        + "\(Int((100 * reached).rounded())) % of that peak"
    } else {
      time = "unknown: nothing to learn in the steps looked at"
    }
    let approximately = sampled < examples.stepsPerEpoch ? "about " : ""
    let facts = examples.facts
    // What each file gives; a single one gives everything.
    let sources = examples.sources.count == 1 ? [] : examples.sources.map { DryRun.line($0) }
    var lines = [
      run.recipe.resolvedYAML(),
      "# base        \(Terminal.grouped(base)) parameters: \(configuration.layerCount) layers of \(configuration.hiddenSize), \(configuration.headCount) heads, \(configuration.keyValueHeadCount) of keys and values, vocabulary \(Terminal.grouped(configuration.vocabularySize))",
      "# trained     \(run.adapterText): \(trained.text), of \(Terminal.grouped(trained.modelCount)) parameters with them",
      "# rows        \(Terminal.grouped(examples.rowsPerEpoch)) an epoch, \(Terminal.grouped(examples.validationRowCount)) held out; \(facts.truncatedRows) of \(facts.rowsEncoded) looked at cut, \(facts.droppedRows) left out, \(facts.rowsWithNothingToLearn) with nothing to learn",
      "# tokens      \(approximately)\(Terminal.grouped(perEpoch(asked))) an epoch, \(Terminal.grouped(perEpoch(computed))) computed after sharing beginnings, \(Terminal.grouped(perEpoch(supervised))) learnt",
      "# steps       \(Terminal.grouped(run.stepCount)) of \(run.recipe.training.batchSize) rows, \(Terminal.grouped(examples.stepsPerEpoch)) an epoch",
      "# memory      base \(Terminal.bytes(plan.base)) mapped; adapter and optimizer \(Terminal.bytes(plan.adapter)); activations \(Terminal.bytes(plan.activations)); workspace \(Terminal.bytes(plan.workspace)); \(Terminal.bytes(plan.total)) in all, \(Terminal.bytes(plan.program)) for program and data included; with \(plan.rows) rows in flight\(plan.recomputes ? ", blocks recomputed" : "")",
      "# computes    \(run.precision.rawValue) on \(run.instructionSet.rawValue), peak \(Int(peak / 1e9)) GFLOP/s measured",
      "# time        \(time)",
    ]
    lines.insert(contentsOf: sources, at: 4)
    if let checkpoint = run.resumedCheckpoint {
      lines.insert(
        "# resumes     \(checkpoint) after step \(Terminal.grouped(done)): \(Terminal.grouped(left)) steps are left", at: lines.count - 1)
    }
    lines.append("")
    text = lines.joined(separator: "\n")
  }

  private static func line(_ source: TrainingSet.Source) -> String {
    let unit = source.format == .text ? "blocks" : "rows"
    let template = source.template.map { " by template \($0)" } ?? ""
    let weight = source.weight == 1 ? "" : ", weight \(source.weight.formatted())"
    return "#   \(Terminal.grouped(source.rowsPerEpoch)) an epoch from \(source.path): \(source.format.rawValue)\(template), "
      + "\(Terminal.grouped(source.trainedRowCount)) of \(Terminal.grouped(source.rowCount)) \(unit)\(weight)"
  }
}
