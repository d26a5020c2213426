import Adapters
import Configuration
import Foundation
import Recipes
import Testing

@Suite struct MergeRecipeTests {
  @Test func theShortestHasDefaults() throws {
    let recipe = try MergeRecipe.parse("base: b\noutput: o\n", name: "m.yaml")
    #expect(recipe == MergeRecipe(base: "b", adapters: [], options: MergeOptions(output: "o")))
    #expect(recipe.options.format == nil && recipe.options.precision == nil && recipe.options.maximumShardSize == 5_000_000_000)
  }

  @Test func everyKey() throws {
    let text = """
      base: starter
      adapter:
        - adapters/plus
        - adapters/alpaca=0.5
        - {path: adapters/third, weight: -1}
      output: models/out
      format: hf
      dtype: float16
      max-shard-size: 2GiB
      """
    let recipe = try MergeRecipe.parse(text, name: "m.yaml")
    #expect(
      recipe.adapters == [
        .init(path: "adapters/plus"), .init(path: "adapters/alpaca", weight: 0.5), .init(path: "adapters/third", weight: -1),
      ])
    #expect(recipe.options.format == .huggingFace && recipe.options.precision == .float16)
    #expect(recipe.options.maximumShardSize == 2 << 30)
    #expect(try MergeRecipe.parse("base: b\noutput: o\nformat: meta\nshards: 2\n", name: "m").options.shardCount == 2)
    #expect(try MergeRecipe.parse("base: b\nadapter: a\noutput: o\n", name: "m").adapters == [.init(path: "a")])
    #expect(try MergeRecipe.parse("base: b\noutput: o\n", name: "m", overrides: ["output=p"]).options.output == "p")
  }

  @Test(arguments: [
    ("base: b\n", "m.yaml: 'output' is missing; expected a folder for the merged model."),
    ("output: o\n", "m.yaml: 'base' is missing; expected the folder of a base model, or starter."),
    ("base: b\noutput: o\nadapters: [a]\n", "m.yaml:3: unknown key 'adapters'. Did you mean 'adapter'?"),
    ("base: b\noutput: o\nlora_model: a\n", "m.yaml:3: unknown key 'lora_model'. Did you mean 'adapter'?"),
    ("base: b\noutput: o\nmax_shard_size: 1GB\n", "m.yaml:3: unknown key 'max_shard_size'. Did you mean 'max-shard-size'?"),
    ("base: b\noutput: o\nformat: gguf\n", "m.yaml:3: format is 'gguf'; expected hf or meta."),
    ("base: b\noutput: o\ndtype: fp16\n", "m.yaml:3: dtype is 'fp16'; expected bfloat16, float16 or float32."),
    (
      "base: b\noutput: o\nmax-shard-size: 5G\n",
      "m.yaml:3: max-shard-size is '5G'; expected a number of bytes such as 16GB (10^9 each) or 16GiB (2^30 each)."
    ),
    (
      "base: b\noutput: o\nadapter: [{path: a, weight: 0}]\n",
      "m.yaml:3: weight of entry 1 of adapter is 0; expected a number other than 0."
    ),
    ("base: b\noutput: o\nshards: 2\n", "m.yaml:3: shards is for format meta; hf is split by max-shard-size."),
    (
      "base: b\noutput: o\nformat: meta\nmax-shard-size: 1GB\n",
      "m.yaml:4: max-shard-size is for format hf; meta is split into shards."
    ),
  ])
  func mistakes(text: String, message: String) throws {
    let error = try #require(throws: ConfigurationError.self) { try MergeRecipe.parse(text, name: "m.yaml") }
    #expect(error.description == message)
  }

  @Test func filesThatAreMissingAreFoundTogether() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "merge-\(UUID().uuidString).yaml").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "base: nowhere\nadapter: [none=0.5]\noutput: o\n".write(toFile: folder, atomically: true, encoding: .utf8)
    let error = try #require(throws: ConfigurationError.self) { try MergeRecipe.read(folder) }
    #expect(
      error.description == """
        \(folder):1: base is 'nowhere', but there is no such folder; models are not downloaded.
        \(folder):2: entry 1 of adapter is 'none', but there is no such folder.
        """)
  }

  static let shipped = ShippedRecipeTests.names.filter { $0.hasPrefix("merge-") }

  @Test(arguments: shipped) func shippedOnesParse(file: String) throws {
    let path = ShippedRecipeTests.folder.appending(path: file).path
    let text = try String(contentsOfFile: path, encoding: .utf8)
    _ = try MergeRecipe.parse(text, name: file)
    #expect(text.contains("./puna merge recipes/\(file)"))
  }
}
