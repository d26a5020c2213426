import Adapters
import ArgumentParser
import Bases
import CPUBackend
import Configuration
import Foundation
import Recipes

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Fold adapters into a base: full weights that other programs load, proved equal to base and adapters.",
    discussion: """
      Example: puna merge --base models/llama-7b --adapter adapters/alpaca-7b --output models/alpaca-7b
      Or from a file with the same keys: puna merge recipes/merge-quickstart.yaml output=models/other
      Without an adapter it converts.
      """)

  @Argument(help: "YAML file with the flags below as keys.") var file: String?
  @Argument(help: "Values that replace the file's: output=models/other") var overrides: [String] = []
  @Option(help: "Folder of the base model, or 'starter'.") var base: String?
  @Option(help: "Adapter folder, with an optional weight: DIR or DIR=WEIGHT. May be given several times.") var adapter: [AdapterArgument] =
    []
  @Option(help: "Folder to make.") var output: String?
  @Option(help: "hf or meta; default: the base's.") var format: MergeOptions.Format?
  @Option(help: "bfloat16, float16 or float32; default: what each tensor of the base has.") var dtype: MergeOptions.Precision?
  @Option(help: "Largest file of a Hugging Face folder, such as 5GB (10^9) or 2GiB; default 5GB.") var maxShardSize: ShardSize?
  @Option(help: "Files of a Meta folder; default: as many as Meta made.") var shards: Int?
  @Flag(help: "Use adapters that were trained on another base, if their shapes fit.") var allowOtherBase = false
  @Flag(help: "Print no progress, only notes and results.") var quiet = false
  @Option(help: "Threads; default: all cores this process may use.") var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads is \(threads); expected a whole number from 1.") }
    if let shards, !(1...MergeOptions.mostShards).contains(shards) {
      throw ValidationError("--shards is \(shards); expected a whole number from 1 to \(MergeOptions.mostShards).")
    }
    let hasFlags = base != nil || !adapter.isEmpty || output != nil || format != nil || dtype != nil || maxShardSize != nil || shards != nil
    if file != nil, hasFlags { throw ValidationError("Give a file or flags; a file's values are replaced by key=value after it.") }
    guard file == nil else { return }
    if base == nil { throw ValidationError("Missing expected argument '--base <base>'") }
    if output == nil { throw ValidationError("Missing expected argument '--output <output>'") }
    if let problem = options.contradiction(statesShardSize: maxShardSize != nil) { throw ValidationError("--\(problem)") }
  }

  var options: MergeOptions {
    var options = MergeOptions(output: output ?? "")
    options.format = format
    options.precision = dtype
    if let maxShardSize { options.maximumShardSize = maxShardSize.byteCount }
    options.shardCount = shards
    return options
  }

  func run() throws {
    let recipe: MergeRecipe
    if let file {
      recipe = try MergeRecipe.read(file, overrides: overrides)
    } else {
      let adapters = adapter.map { Recipe.StackedAdapter(path: $0.path, weight: $0.weight) }
      recipe = MergeRecipe(base: base ?? "", adapters: adapters, options: options)
    }
    let location = BaseLocation(name: recipe.base)
    let base = try location.open()
    let inputs = try AdapterStack.open(
      recipe.adapters.map { ($0.path, $0.weight) }, for: base, use: .merging, allowOtherBase: allowOtherBase)
    var options = recipe.options
    while options.output.count > 1, options.output.hasSuffix("/") { options.output.removeLast() }
    var files = try location.openFiles(of: base)
    let isHuggingFace = options.format(for: base) == .huggingFace
    if isHuggingFace, let text = try files.completeTokenizer(of: recipe.base) { note(text) }
    let tokenizers = try inputs.inputs.map { input in
      var files = try ModelFiles(folder: input.adapter.path)
      if isHuggingFace, input.bringsEmbedding, let text = try files.completeTokenizer(of: input.adapter.path) { note(text) }
      return files
    }
    let merge = try Merge(base: base, files: files, inputs: inputs, tokenizers: tokenizers, options: options)
    for text in merge.notes { note(text) }

    let backend = try CPUBackend(precision: .float32, threads: threads)
    Interruption.watch()
    let display = MergeDisplay(isQuiet: quiet)
    do {
      let report = try merge.run(
        on: backend, version: Puna.version, progress: { display.show($0) }, isInterrupted: { Interruption.isAsked },
        compareLogits: { result in
          let (logits, notes) = try MergeLogits(merge: merge, result: result, backend: backend).compare()
          for text in notes { note(text) }
          return (logits, notes)
        })
      display.finish()
      print(MergeTable(report: report, output: options.output).text, terminator: "")
    } catch let error as MergeInterrupted {
      display.finish()
      standardError("puna: \(error)")
      throw ExitCode(Interruption.status)
    }
  }
}

extension MergeOptions.Format: ExpressibleByArgument {}
extension MergeOptions.Precision: ExpressibleByArgument {}

/// `5GB`, `2GiB`, `400000000`.
struct ShardSize: ExpressibleByArgument {
  let byteCount: Int

  init?(argument: String) {
    guard let count = ByteCount.parse(argument), count > 0 else { return nil }
    byteCount = count
  }
}
