import Adapters
import Configuration
import Datasets
import FineTuning

/// One training run, as its YAML file and the overrides on the command line describe it: checked, with all defaults filled in.
public struct Recipe: Sendable {
  /// A frozen adapter under the one that is trained.
  public struct StackedAdapter: Sendable, Equatable {
    public var path: String
    /// Its share of the delta; 1 applies it as it was trained.
    public var weight: Double

    public init(path: String, weight: Double = 1) {
      self.path = path
      self.weight = weight
    }
  }

  /// The `base` that needs no files: the model inside the tool.
  public static let starter = "starter"

  /// Folder of the base model, or `Recipe.starter`.
  public var base: String
  /// Folder or file of the tokenizer; `nil` takes the base's own.
  public var tokenizer: String?
  /// A larger vocabulary than the base's; `nil` keeps what there is.
  public var vocabulary: VocabularyOptions?
  public var adapters: [StackedAdapter] = []
  public var data: DataOptions
  public var lora = LoRAOptions()
  public var training: TrainingOptions
  public var compute = ComputeOptions()
  public var samples = SampleOptions.auto
  /// The run folder.
  public var output: String

  var locations: ConfigurationLocations
  /// Every file and folder that the run reads, with the place that names it.
  public internal(set) var expectedFiles: [ExpectedFile] = []

  /// The recipe file as it was named.
  public var name: String { locations.name }

  /// Reads a recipe file.
  ///
  /// - Parameters:
  ///   - overrides: `lora.rank=16`, `data.train=[a.json, b.json]`: values are YAML and replace those of the file.
  ///   - checksFiles: also look whether the files it names are there.
  /// - Throws: `ConfigurationError` with everything that is wrong, by line.
  public static func read(_ path: String, overrides: [String] = [], checksFiles: Bool = true) throws(ConfigurationError) -> Recipe {
    try read(ConfigurationReader(path: path, overrides: overrides), checksFiles: checksFiles)
  }

  /// Reads a recipe from text; `name` stands for the file in messages. The files it names need not exist.
  ///
  /// - Throws: `ConfigurationError` with everything that is wrong, by line.
  public static func parse(_ text: String, name: String, overrides: [String] = []) throws(ConfigurationError) -> Recipe {
    try read(ConfigurationReader(text: text, name: name, overrides: overrides), checksFiles: false)
  }

  private static func read(_ reader: ConfigurationReader, checksFiles: Bool) throws(ConfigurationError) -> Recipe {
    let recipe = RecipeParser(reader).recipe()
    if checksFiles { for problem in recipe.fileProblems { reader.note(problem.text, at: problem.location) } }
    try reader.finish(otherNames: otherNames)
    return recipe
  }

  /// Where a key was written, `recipes/x.yaml:21` or `command line: training.seed=7`; the file alone if the default holds.
  public func location(of key: String) -> Location { locations[key] }

  /// Whether the recipe says something about a key, rather than leaving the default.
  public func states(_ key: String) -> Bool { locations.contains(key) }
}

extension Recipe: Equatable {
  /// The same run, wherever it was written.
  public static func == (first: Recipe, second: Recipe) -> Bool {
    first.base == second.base && first.tokenizer == second.tokenizer && first.vocabulary == second.vocabulary
      && first.adapters == second.adapters && first.data == second.data
      && first.lora == second.lora && first.training == second.training && first.compute == second.compute
      && first.samples == second.samples
      && first.output == second.output
  }
}
