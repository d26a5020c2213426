import Tokenizers

/// Where tokens of text are kept from run to run.
public enum TokenCaching: Sendable, Equatable {
  /// Those of larger files, in the user's folder for such things.
  case auto
  case none
  case folder(String)
}

/// The `data` section of a recipe, checked and with its defaults filled in.
public struct DataOptions: Sendable, Equatable {
  public enum Format: String, Sendable, CaseIterable {
    /// Decided by the first row of the file.
    case auto
    case alpaca, chat, text, tokens
  }

  /// One training file.
  public struct Source: Sendable, Equatable {
    public var path: String
    public var format: Format
    /// A template's name or the path of a template file.
    public var template: String
    /// Copies per epoch; a fraction is drawn by seed.
    public var weight: Double

    public init(path: String, format: Format = .auto, template: String = "alpaca", weight: Double = 1) {
      self.path = path
      self.format = format
      self.template = template
      self.weight = weight
    }
  }

  public enum Validation: Sendable, Equatable {
    case none
    /// A share of the training rows, between 0 and 1.
    case fraction(Double)
    case count(Int)
    case path(String)
  }

  /// What becomes of a row longer than `maximumLength`.
  public enum TooLong: String, Sendable, CaseIterable { case truncate, drop, error }

  /// Templates that a recipe can name; any other template is the path of a file.
  public static let templateNames = PromptTemplate.names

  public var train: [Source]
  public var validation: Validation = .none
  /// For the validation file, and where a source says nothing.
  public var format: Format = .auto
  public var template = "alpaca"
  /// Tokens.
  public var maximumLength = 512
  public var tooLong: TooLong = .truncate
  public var trainOnPrompt = false
  public var shuffle = true
  public var tokenCache = TokenCaching.auto

  public init(train: [Source]) { self.train = train }
}
