import ArgumentParser
import FineTuning
import Recipes

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a LoRA adapter as a recipe says.",
    discussion: "Example: puna train recipes/quickstart.yaml training.epochs=1 lora.rank=16")

  @Argument(help: "Recipe file.") var recipe: String
  @Argument(help: "Values that replace the recipe's: lora.rank=16") var overrides: [String] = []
  @Flag(help: "Say what the run would do and take, and train nothing.") var dryRun = false
  @Flag(help: "Replace the folder of an earlier run.") var overwrite = false
  @Flag(help: "Use adapters that were trained on another base, if their shapes fit.") var allowOtherBase = false
  @Flag(help: "Print no progress, only notes and results.") var quiet = false
  @OptionGroup var compute: ComputeFlags

  func run() async throws {
    let recipe = try Recipe.read(self.recipe, overrides: overrides + compute.overrides)
    let run = try TrainingRun(recipe, allowsOtherBase: allowOtherBase)
    for text in run.notes + run.openingNotes { note(text) }
    if dryRun {
      print(try DryRun(run).text, terminator: "")
      return
    }
    let job = try run.makeJob(overwrites: overwrite)
    var progress = ProgressPrinter(run: run, isQuiet: quiet)
    for try await event in FineTuner(job).start() { progress.show(event) }
    progress.finish()
    for text in run.closingNotes { note(text) }
  }
}

extension ComputeFlags {
  /// The flags as overrides of a recipe.
  var overrides: [String] {
    [precision.map { "compute.precision=\($0.rawValue)" }, threads.map { "compute.threads=\($0)" }].compactMap { $0 }
  }
}
