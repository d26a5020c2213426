import Runs
import Tensors

/// What was found at a path, for people (`text`) and for programs (`json`).
public struct Inspection: Sendable {
  public enum Kind: String, Sendable {
    case base, adapter, run, tokenizer
    /// A file of tensors that is none of these by itself.
    case shard
  }

  public struct OtherFile: Sendable, Equatable {
    public let name: String
    public let byteCount: Int
  }

  public let path: String
  public let kind: Kind
  /// In a few words: `Hugging Face folder, safetensors in 3 shards`.
  public var form: String
  public var network: NetworkFacts?
  public var parameters: ParameterCounts?
  /// `Base.fingerprint()`.
  public var fingerprint: String?
  public var adapter: AdapterFacts?
  public var run: RunFacts?
  public var tokenizer: TokenizerFacts?
  public var tensorFiles: [TensorFile] = []
  /// The other files that the thing consists of.
  public var otherFiles: [OtherFile] = []
  /// Files of the folder that are not looked at, the largest first.
  public var unusedFiles: [OtherFile] = []
  /// The file that records one.
  public var chatTemplate: String?
  public var verification: Verification?
  /// What a person should know although nothing is wrong.
  public var notes: [String] = []
  /// What is wrong: a sentence each.
  public var problems: [String] = []

  init(path: String, kind: Kind, form: String) {
    self.path = path
    self.kind = kind
    self.form = form
  }

  /// Adds a problem unless it is known already.
  mutating func add(problem: String) {
    if !problems.contains(problem) { problems.append(problem) }
  }

  /// Bytes of all tensors.
  public var tensorByteCount: Int { tensorFiles.reduce(0) { $0 + $1.tensorByteCount } }
}

/// Why nothing can be said about a path.
public struct InspectionError: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
