import ArgumentParser
import Datasets
import FineTuning
import Recipes

struct PreviewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preview", abstract: "Show rows as the model will see them: tokens, what is learnt, positions and shared beginnings.")

  @Argument(help: "Recipe file.") var recipe: String
  @Argument(help: "Values that replace the recipe's: data.template=alpaca-short") var overrides: [String] = []
  @Option(help: "Rows to show.") var rows = 3

  @Flag(help: "Use adapters that were trained on another base, if their shapes fit.") var allowOtherBase = false

  func validate() throws {
    if rows < 1 { throw ValidationError("--rows is \(rows); expected a whole number from 1.") }
  }

  func run() throws {
    let recipe = try Recipe.read(recipe, overrides: overrides)
    let run = try TrainingRun(recipe, allowsOtherBase: allowOtherBase)
    for text in run.notes { note(text) }
    let packer = BatchPacker(rowLimit: recipe.training.microBatchTokens ?? MemoryPlan.mostRows, omitsUnusedRows: true)
    let preview = Preview(tokenizer: run.tokenizer, coloured: Terminal.coloursResults)
    var left = rows
    for step in 0..<run.examples.stepsPerEpoch where left > 0 {
      let sequences = try run.examples.examples(epoch: 0, step: step)
      print(preview.text(of: sequences, packed: packer.pack(sequences), count: left, name: run.examples.name))
      left -= run.examples.rowCount(ofStep: step)
    }
    let facts = run.examples.facts
    print("\(Terminal.grouped(facts.rowsRead)) rows read", terminator: "")
    if facts.documents > 0 {
      print(", \(Terminal.grouped(facts.documents)) document\(facts.documents == 1 ? "" : "s") in blocks", terminator: "")
    }
    if facts.rowsWithEmptyOutput > 0 { print(", \(Terminal.grouped(facts.rowsWithEmptyOutput)) with an empty output", terminator: "") }
    if facts.duplicateRows > 0 { print(", \(Terminal.grouped(facts.duplicateRows)) equal to an earlier row", terminator: "") }
    print("")
  }
}
