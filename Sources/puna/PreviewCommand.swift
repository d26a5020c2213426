import ArgumentParser
import Recipes

struct PreviewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preview", abstract: "Show rows as the model will see them: tokens, what is learnt, positions and shared beginnings.")

  @Argument(help: "Recipe file.") var recipe: String
  @Argument(help: "Values that replace the recipe's: data.template=alpaca-short") var overrides: [String] = []
  @Option(help: "Rows to show.") var rows = 3

  func run() throws {
    _ = try Recipe.read(recipe, overrides: overrides)
  }
}
