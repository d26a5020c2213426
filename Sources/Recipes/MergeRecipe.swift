import Adapters
import Configuration

/// A merge as a YAML file describes it, so that it can be kept and repeated: the flags of `puna merge` as keys.
///
/// ```yaml
/// base: models/llama-7b
/// adapter: [adapters/plus, {path: adapters/alpaca, weight: 0.5}]
/// output: models/alpaca-7b
/// dtype: float16
/// ```
public struct MergeRecipe: Sendable, Equatable {
  /// Folder of the base model, or `Recipe.starter`.
  public var base: String
  public var adapters: [Recipe.StackedAdapter]
  public var options: MergeOptions

  public init(base: String, adapters: [Recipe.StackedAdapter], options: MergeOptions) {
    self.base = base
    self.adapters = adapters
    self.options = options
  }

  /// Reads a file.
  ///
  /// - Parameter overrides: `output=models/other`: values are YAML and replace those of the file.
  /// - Throws: `ConfigurationError` with everything that is wrong, by line, files that are missing included.
  public static func read(_ path: String, overrides: [String] = []) throws(ConfigurationError) -> MergeRecipe {
    try read(ConfigurationReader(path: path, overrides: overrides), checksFiles: true).recipe
  }

  /// Reads a file whose inputs need not be there yet, and lists them.
  ///
  /// - Throws: `ConfigurationError` with everything else that is wrong, by line.
  public static func describe(
    _ path: String, overrides: [String] = []
  ) throws(ConfigurationError) -> (recipe: MergeRecipe, files: [ExpectedFile]) {
    try read(ConfigurationReader(path: path, overrides: overrides), checksFiles: false)
  }

  /// Reads text; `name` stands for the file in messages. What it names need not exist.
  ///
  /// - Throws: `ConfigurationError` with everything that is wrong, by line.
  public static func parse(_ text: String, name: String, overrides: [String] = []) throws(ConfigurationError) -> MergeRecipe {
    try read(ConfigurationReader(text: text, name: name, overrides: overrides), checksFiles: false).recipe
  }

  private static func read(
    _ reader: ConfigurationReader, checksFiles: Bool
  ) throws(ConfigurationError) -> (recipe: MergeRecipe, files: [ExpectedFile]) {
    let top = reader.top
    var parser = RecipeParser(reader)
    let baseExpectation = "the folder of a base model, or starter"
    let base = top.text("base", expecting: baseExpectation)
    if top.value("base") == nil { top.noteMissing("base", expecting: baseExpectation) }
    if let base, base != Recipe.starter { parser.expect(.base, "base", base, at: top.location(of: "base")) }
    let adapters = parser.stackedAdapters(top, key: "adapter")
    let output = top.text("output", expecting: "a folder for the merged model")
    if top.value("output") == nil { top.noteMissing("output", expecting: "a folder for the merged model") }

    var options = MergeOptions(output: output ?? "")
    options.format = top.value("format").map { _ in top.choice("format", default: MergeOptions.Format.huggingFace) }
    options.precision = top.value("dtype").map { _ in top.choice("dtype", default: MergeOptions.Precision.bfloat16) }
    options.maximumShardSize = top.read("max-shard-size", expecting: ByteCount.expectation, default: options.maximumShardSize) {
      $0.plainText.flatMap(ByteCount.parse).flatMap { $0 > 0 ? $0 : nil }
    }
    if top.value("shards") != nil { options.shardCount = top.integer("shards", from: 1, upTo: MergeOptions.mostShards, default: 1) }
    if let problem = options.contradiction(statesShardSize: top.value("max-shard-size") != nil) {
      top.note(problem, at: options.shardCount == nil ? "max-shard-size" : "shards")
    }
    if checksFiles { for problem in parser.files.compactMap(\.problem) { reader.note(problem.text, at: problem.location) } }
    try reader.finish(otherNames: otherNames)
    return (MergeRecipe(base: base ?? "", adapters: adapters, options: options), parser.files)
  }

  /// What PEFT's users, Chinese-LLaMA-Alpaca and other tools call the keys.
  private static let otherNames = [
    "adapters": "adapter", "lora_model": "adapter", "lora_weights": "adapter", "lora": "adapter", "adapter_path": "adapter",
    "adapter_model": "adapter", "peft_model": "adapter", "base_model": "base", "model": "base", "model_name_or_path": "base",
    "output_dir": "output", "export_dir": "output", "save_path": "output", "output_type": "format", "torch_dtype": "dtype",
    "precision": "dtype", "max_shard_size": "max-shard-size", "shard_size": "max-shard-size", "export_size": "max-shard-size",
    "num_shards": "shards",
  ]
}
