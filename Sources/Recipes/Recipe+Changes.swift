import Configuration
import FineTuning

extension Recipe {
  /// A setting that differs from the recipe that a run was started with.
  public struct Change: Sendable, Equatable {
    public enum Effect: Sendable, Equatable {
      /// Nothing that is learnt.
      case none
      /// Sums are made in another order.
      case rounding
      /// The run would not be the one that was started.
      case result
    }

    /// `training.learning_rate`
    public let key: String
    /// `nil` where only one of the recipes has it.
    public let old: String?
    public let new: String?
    public let effect: Effect
  }

  /// Names of files are among them: what counts is what they hold, which a run's record tells.
  private static let harmless: Set<String> = [
    "save_every", "evaluate_every", "keep_checkpoints", "compute.threads", "compute.memory", "training.recompute", "output", "base",
    "tokenizer", "vocabulary.tokenizer", "data.token_cache",
  ]

  /// What differs from `earlier`, both with all defaults filled in, by key.
  public func changes(since earlier: Recipe) throws(ConfigurationError) -> [Change] {
    let old = try earlier.settings, new = try settings
    return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted().map { key in
      Change(key: key, old: old[key], new: new[key], effect: effect(ofChanging: key))
    }
  }

  private func effect(ofChanging key: String) -> Change.Effect {
    let isPath = (key.hasPrefix("data.train[") || key.hasPrefix("adapters[")) && key.hasSuffix(".path")
    // Early stopping counts validations.
    if key == "evaluate_every", training.earlyStopping != nil { return .result }
    if key == "samples" || key.hasPrefix("samples[") { return .none }
    if isPath || Recipe.harmless.contains(key) { return .none }
    if key == "training.micro_batch_tokens" { return .rounding }
    // Under a constant rate a longer run begins with the shorter one, if its warm-up does not grow with it.
    if key == "training.epochs" || key == "training.max_steps", training.schedule == .constant, !warmUpDependsOnLength { return .none }
    return .result
  }

  private var warmUpDependsOnLength: Bool {
    switch training.warmUp {
    case .steps: false
    case .fraction(let fraction): fraction > 0
    }
  }

  /// The settings that decide what is learnt, all defaults filled in. Names of files are not among them: what they hold counts.
  public var decisiveSettings: [String: String] {
    get throws(ConfigurationError) { try settings.filter { effect(ofChanging: $0.key) == .result } }
  }

  /// Every setting by its key, all defaults filled in: `training.learning_rate` is `0.0003`.
  public var settings: [String: String] {
    get throws(ConfigurationError) { try ConfigurationReader(text: resolvedYAML(), name: name).settings }
  }
}
