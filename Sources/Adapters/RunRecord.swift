import Checkpoints
import Foundation
import JSON

/// `run.json` of a run folder: what is needed to say where an adapter comes from, and to run it again.
public struct RunRecord: Codable, Sendable, Equatable {
  /// An adapter applied under the trained one.
  public struct AdapterReference: Codable, Sendable, Equatable {
    public var path: String
    /// Factor of its delta.
    public var weight: Double
    /// See `PEFTAdapter.fingerprint`.
    public var fingerprint: String?

    public init(path: String, weight: Double, fingerprint: String? = nil) {
      self.path = path
      self.weight = weight
      self.fingerprint = fingerprint
    }
  }

  /// A prompt template as it was used.
  public struct Template: Codable, Sendable, Equatable {
    /// A built-in template's name or a file's path.
    public var name: String
    /// The whole template as JSON text.
    public var text: String

    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  /// A vocabulary that is not the base's, or of which rows were trained.
  public struct Vocabulary: Codable, Sendable, Equatable {
    /// Of embedding and head, and those of them that the base has.
    public var rows: Int
    public var baseRows: Int
    /// What the rows that this run added began as: `mean`, `subword_mean` or `random`.
    public var initialize: String?
    /// `none`, `new_rows` or `all`.
    public var trainedInput: String
    public var trainedOutput: String
    /// Whether the head is the embedding.
    public var tied: Bool

    public init(rows: Int, baseRows: Int, initialize: String?, trainedInput: String, trainedOutput: String, tied: Bool) {
      self.rows = rows
      self.baseRows = baseRows
      self.initialize = initialize
      self.trainedInput = trainedInput
      self.trainedOutput = trainedOutput
      self.tied = tied
    }

    private enum CodingKeys: String, CodingKey {
      case rows
      case baseRows = "base_rows"
      case initialize
      case trainedInput = "trained_input"
      case trainedOutput = "trained_output"
      case tied
    }
  }

  /// Counts of the data that were trained on; tokens and what became of rows only where all rows were tokenized.
  public struct DataFacts: Codable, Sendable, Equatable {
    public var files: [String]
    /// Of the files' bytes, in their order.
    public var fingerprints: [String]?
    public var trainingRows: Int
    public var validationRows: Int
    public var tokens: Int?
    public var supervisedTokens: Int?
    public var truncatedRows: Int?
    public var droppedRows: Int?
    public var rowsWithNothingToLearn: Int?
    public var rowsWithEmptyOutput: Int?

    public init(files: [String], trainingRows: Int, validationRows: Int) {
      self.files = files
      self.trainingRows = trainingRows
      self.validationRows = validationRows
    }

    private enum CodingKeys: String, CodingKey {
      case files, fingerprints
      case trainingRows = "training_rows"
      case validationRows = "validation_rows"
      case tokens
      case supervisedTokens = "supervised_tokens"
      case truncatedRows = "truncated_rows"
      case droppedRows = "dropped_rows"
      case rowsWithNothingToLearn = "rows_with_nothing_to_learn"
      case rowsWithEmptyOutput = "rows_with_empty_output"
    }
  }

  /// Of Puna.
  public var version: String
  /// The kernels that ran, such as `avx512bf16`.
  public var instructionSet: String
  /// `bfloat16` or `float32`.
  public var precision: String
  /// As the processor names itself.
  public var processor: String?
  /// What `training.micro_batch_tokens` and `training.recompute` became.
  public var microBatchTokens: Int?
  public var recompute: Bool?
  public var seed: UInt64
  /// The base as the recipe named it.
  public var base: String
  /// See `Base.fingerprint`.
  public var baseFingerprint: String
  /// Of the tokenizer's pieces.
  public var tokenizerFingerprint: String?
  public var vocabulary: Vocabulary?
  /// Frozen adapters below the trained one.
  public var adapters: [AdapterReference] = []
  /// The adapter that was continued, and what it was.
  public var startFrom: String?
  public var startFromFingerprint: String?
  public var templates: [Template] = []
  public var data: DataFacts?

  public init(version: String, instructionSet: String, precision: String, seed: UInt64, base: String, baseFingerprint: String) {
    self.version = version
    self.instructionSet = instructionSet
    self.precision = precision
    self.seed = seed
    self.base = base
    self.baseFingerprint = baseFingerprint
  }

  private enum CodingKeys: String, CodingKey {
    case version
    case instructionSet = "instruction_set"
    case precision, processor
    case microBatchTokens = "micro_batch_tokens"
    case recompute, seed, base
    case baseFingerprint = "base_fingerprint"
    case tokenizerFingerprint = "tokenizer_fingerprint"
    case vocabulary, adapters
    case startFrom = "start_from"
    case startFromFingerprint = "start_from_fingerprint"
    case templates, data
  }

  public static let fileName = "run.json"
}

extension RunRecord {
  /// Reads `run.json` of a run folder.
  ///
  /// - Throws: `CheckpointError` for a file that is missing, unreadable or of another form.
  public init(folder: String) throws {
    let path = "\(folder)/\(RunRecord.fileName)"
    let bytes = try MappedFile.open(path)
    // Parsed strictly first, which says where the text is broken.
    _ = try JSONValue(parsing: bytes, path: path)
    do {
      self = try JSONDecoder().decode(RunRecord.self, from: bytes.withUnsafeBytes { Data($0) })
    } catch let DecodingError.keyNotFound(key, _) {
      throw CheckpointError(path: path, reason: .malformed("has no '\(key.stringValue)'."))
    } catch let DecodingError.typeMismatch(type, context), let DecodingError.valueNotFound(type, context) {
      let key = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw CheckpointError(path: path, reason: .malformed("'\(key)' is not of type \(type)."))
    } catch {
      throw CheckpointError(path: path, reason: .malformed("is not what a run writes: \(error)"))
    }
  }

  /// The record of the run that wrote an adapter: beside it, or above `best` and `checkpoints/step-...`; nil where there is none.
  ///
  /// - Throws: `AdapterError`, `CheckpointError` for a record that cannot be read.
  public static func ofAdapter(_ path: String) throws -> RunRecord? {
    try AdapterOrigin(of: path).record.map { try RunRecord(folder: Checkpoints.folder(of: $0)) }
  }

  /// Writes `run.json` into a run folder.
  ///
  /// - Throws: `CheckpointError` when it cannot be written.
  public func write(to folder: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(self) + Data("\n".utf8), to: "\(folder)/\(RunRecord.fileName)")
  }
}
