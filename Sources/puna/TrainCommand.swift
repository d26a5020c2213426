import ArgumentParser
import FineTuning
import Foundation
import Recipes

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a LoRA adapter as a recipe says.",
    discussion: "Example: puna train recipes/quickstart.yaml training.epochs=1 lora.rank=16")

  @Argument(help: "Recipe file.") var recipe: String
  @Argument(help: "Values that replace the recipe's: lora.rank=16") var overrides: [String] = []
  @Flag(help: "Say what the run would do and take, and train nothing.") var dryRun = false
  @Flag(help: "Go on with the run in the recipe's output, from its newest checkpoint.") var resume = false
  @Flag(help: "Replace the folder of an earlier run.") var overwrite = false
  @Flag(help: "Make a run's first steps again and compare them with its metrics, bit for bit; nothing is written.") var verify = false
  @Option(help: "Steps that --verify makes.") var verifySteps = 5
  @Flag(help: "Use adapters that were trained on another base, if their shapes fit.") var allowOtherBase = false
  @Flag(help: "Print no progress, only notes and results.") var quiet = false
  @OptionGroup var compute: ComputeFlags

  func validate() throws {
    if verify, resume || overwrite || dryRun { throw ValidationError("--verify goes with none of --dry-run, --resume and --overwrite.") }
    if verifySteps < 1 { throw ValidationError("--verify-steps is \(verifySteps); expected a whole number from 1.") }
    if resume, overwrite { throw ValidationError("Give --resume, which goes on with a run, or --overwrite, which begins it anew.") }
  }

  func run() async throws {
    let recipe = try Recipe.read(self.recipe, overrides: overrides + compute.overrides)
    if verify {
      guard try await RunVerification(recipe, allowsOtherBase: allowOtherBase).verify(steps: verifySteps) else { throw ExitCode(1) }
      return
    }
    let earlier = resume ? try EarlierRun.resumable(in: recipe.output) : nil
    let run = try TrainingRun(recipe, allowsOtherBase: allowOtherBase, following: earlier)
    for text in run.notes + run.openingNotes { note(text) }
    if dryRun {
      for warning in run.warnings() { standardError("warning: \(warning.text)") }
      if let earlier {
        let comparison = try run.comparison(with: earlier)
        for text in comparison.notes + [comparison.otherMachine].compactMap({ $0 }) { note(text) }
        try comparison.requireTheSame(recipe.output)
      }
      print(try DryRun(run).text, terminator: "")
      return
    }
    // What has no checkpoint has nothing to lose.
    let job = try run.makeJob(overwrites: overwrite || resume)
    Interruption.watch()
    let watch = RunWatch(run, job.plan)
    var progress = ProgressPrinter(run: run, isQuiet: quiet, peak: watch.peak)
    do {
      for try await event in FineTuner(job).start() {
        progress.show(event)
        watch.follow(event)
      }
      watch.finish()
    } catch let interrupted as TrainingInterrupted {
      progress.pause()
      watch.stop()
      let place =
        interrupted.checkpoint.map { "after step \(interrupted.step) of \(interrupted.stepCount), saved in \($0). Go on" }
        ?? "before the first step. Begin again"
      standardError("puna: interrupted \(place) with:\n  \(resumeCommand)")
      throw ExitCode(Interruption.status)
    } catch {
      progress.pause()
      watch.stop()
      throw error
    }
    progress.finish()
    if let report = watch.report, !quiet { standardError("report in \(report)") }
    for text in run.closingNotes { note(text) }
  }

  private var resumeCommand: String {
    let program = CommandLine.arguments.first.map { $0.split(separator: "/").last.map(String.init) ?? $0 } ?? "puna"
    let words = CommandLine.arguments.dropFirst().filter { $0 != "--resume" && $0 != "--overwrite" }
    return ([program] + words + ["--resume"]).map { word in
      word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0) }
        ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
    }.joined(separator: " ")
  }
}

extension ComputeFlags {
  /// The flags as overrides of a recipe.
  var overrides: [String] {
    [precision.map { "compute.precision=\($0.rawValue)" }, threads.map { "compute.threads=\($0)" }].compactMap { $0 }
  }
}
