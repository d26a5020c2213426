import Recipes

/// What a command says about itself before it runs: what it reads, what it will have written, and what decides its result.
public struct StepDescription: Sendable {
  /// How a command takes an output that is there already.
  public enum ExistingOutput: Sendable {
    /// It ends with an error.
    case refused
    /// It is replaced once the new one is complete.
    case replaced
    /// A run folder: `--resume` goes on with it, `--overwrite` begins it anew.
    case continued
  }

  /// The result depends on what these hold.
  public var reads: [ExpectedFile]
  /// These must be there too, but the result does not depend on them: texts to measure on.
  public var consults: [ExpectedFile]
  public var writes: [String]
  /// Everything else that decides the result, by name: settings of a recipe, or the command line.
  public var settings: [String: String]
  public var existingOutput: ExistingOutput
  /// It has a flag `--quiet`.
  public var acceptsQuiet: Bool

  public init(
    reads: [ExpectedFile], consults: [ExpectedFile] = [], writes: [String], settings: [String: String],
    existingOutput: ExistingOutput, acceptsQuiet: Bool = true
  ) {
    self.reads = reads
    self.consults = consults
    self.writes = writes
    self.settings = settings
    self.existingOutput = existingOutput
    self.acceptsQuiet = acceptsQuiet
  }
}
