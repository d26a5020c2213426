import Adapters
import Chains
import Configuration
import Recipes

extension TrainCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    let flags = [("--resume", resume), ("--overwrite", overwrite), ("--dry-run", dryRun), ("--verify", verify)]
    if let (flag, _) = flags.first(where: { $0.1 }) {
      throw refusal("leave out \(flag): the chain goes on with what was interrupted, and --from begins anew.", at: location)
    }
    let recipe = try Recipe.read(self.recipe, overrides: overrides + compute.overrides, checksFiles: false)
    return StepDescription(
      reads: recipe.expectedFiles, writes: [recipe.output], settings: try recipe.decisiveSettings, existingOutput: .continued)
  }
}

extension MergeCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    let recipe: MergeRecipe
    let files: [ExpectedFile]
    if let file {
      (recipe, files) = try MergeRecipe.describe(file, overrides: overrides)
    } else {
      let adapters = adapter.map { Recipe.StackedAdapter(path: $0.path, weight: $0.weight) }
      recipe = MergeRecipe(base: base ?? "", adapters: adapters, options: options)
      files = model(recipe.base, adapter, location)
    }
    let options = recipe.options
    var settings = [
      "base": recipe.base, "adapter": recipe.adapters.map { "\($0.path)=\($0.weight)" }.joined(separator: ", "),
      "max-shard-size": "\(options.maximumShardSize)",
    ]
    settings["format"] = options.format?.rawValue
    settings["dtype"] = options.precision?.rawValue
    settings["shards"] = options.shardCount.map { "\($0)" }
    return StepDescription(reads: files, writes: [options.output], settings: settings, existingOutput: .refused)
  }
}
