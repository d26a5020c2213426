import Foundation
import Recipes
import Testing

@Suite struct ShippedRecipeTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "recipes")

  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".yaml") }.sorted()
  /// Of training runs; those of merges and chains have tests of their own.
  static let files = names.filter { !$0.hasPrefix("merge-") && !$0.hasPrefix("chain-") }

  @Test func thereAreRecipes() {
    #expect(Set(Self.files).isSuperset(of: ["alpaca-7b.yaml", "llama3-8b-alpaca.yaml", "tinyllama-alpaca.yaml"]))
  }

  @Test(arguments: files)
  func parses(_ file: String) throws {
    let recipe = try Recipe.read(Self.folder.appending(path: file).path, checksFiles: false)
    #expect(try Recipe.parse(recipe.resolvedYAML(), name: "resolved") == recipe)
  }

  /// Commands in the opening comment are run as they stand there.
  @Test(arguments: files)
  func opensWithACommandThatParses(_ file: String) throws {
    let path = Self.folder.appending(path: file).path
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let commands = text.split(separator: "\n").filter { $0.hasPrefix("#") && $0.contains("./puna train recipes/\(file)") }
    #expect(!commands.isEmpty)
    for command in commands {
      let overrides = command.split(separator: " ").filter { $0.contains("=") }.map(String.init)
      _ = try Recipe.read(path, overrides: overrides, checksFiles: false)
    }
  }

  @Test func alpaca7BIsTheSettingOfAlpacaLoRA() throws {
    let recipe = try Recipe.read(Self.folder.appending(path: "alpaca-7b.yaml").path, checksFiles: false)
    #expect(recipe.lora.targetModules == [.q, .v] && recipe.lora.rank == 8 && recipe.lora.alpha == 16 && recipe.lora.dropout == 0.05)
    #expect(recipe.data.template == "alpaca-lora" && recipe.data.maximumLength == 256 && recipe.data.trainOnPrompt)
    #expect(recipe.data.validation == .count(2000))
    let training = recipe.training
    #expect(training.duration == .epochs(3) && training.batchSize == 128 && training.learningRate == 3e-4)
    #expect(training.schedule == .linear && training.warmUp == .steps(100) && training.finalLearningRateRatio == 0)
    #expect(training.betas == .init(first: 0.9, second: 0.999) && training.epsilon == 1e-8 && training.weightDecay == 0)
    #expect(training.clipGradientNorm == 1 && training.seed == 42)
    #expect(training.evaluateEvery == 200 && training.saveEvery == 200 && training.keepCheckpoints == 3)
  }

  @Test func chatMixNamesFilesOfThreeFormats() throws {
    let recipe = try Recipe.read(Self.folder.appending(path: "chat-mix.yaml").path, checksFiles: false)
    #expect(recipe.data.train.map(\.format) == [.auto, .auto, .text] && recipe.data.train.map(\.weight) == [2, 0.5, 0.1])
    #expect(recipe.data.train.allSatisfy { $0.template == "llama3" })
  }
}
