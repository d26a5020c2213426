import Checkpoints
import Tensors

/// Why a merge cannot be done, or was not right: all problems that could be found at once.
public struct MergeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Never empty.
  public let problems: [MergeProblem]

  public init(_ problems: [MergeProblem]) { self.problems = problems }

  public var description: String { problems.map(\.text).joined(separator: "\n") }
}

/// What can be wrong with a merge.
public enum MergeProblem: Sendable, Equatable {
  // What is merged
  /// All B are zero.
  case zeroAdapter(String)
  case zeroWeight(String)
  case givenTwice(String, String)
  /// The base is the output of a merge of the same adapter.
  case mergedBefore(adapter: String, base: String, weight: Double)
  case magnitudeAmongOthers(String)
  case deltaShape(tensor: String, adapter: String, delta: [Int], weight: [Int])
  /// Embedding and head of different vocabularies.
  case vocabularies(embedding: Int, head: Int, adapter: String)
  case noSuchWeight(tensor: String, adapter: String)

  // Where it goes
  case outputIsFile(String)
  case outputNotEmpty(String, entry: String)
  case outputInside(String, what: String, folder: String)
  case outputBusy(String)
  case tooLittleSpace(output: String, needed: Int, available: Int)
  /// Options that do not go with the format.
  case options(String)
  /// Something of the configuration, by its key, that `params.json` cannot say.
  case notInMeta(key: String, value: String, reason: String)
  case shards(Int, reason: String)

  // What comes out
  case notFiniteInBase(tensor: String, element: Int, found: Double)
  case overflow(tensor: String, element: Int, value: Double, dtype: DType)
  /// A row of length 0 that DoRA would stretch.
  case emptyRow(tensor: String, row: Int)
  case nothingChanged(dtype: String)

  // What the proof found
  case proofTensors(missing: [String], unexpected: [String])
  case proofForm(tensor: String, found: String, expected: String)
  case proofCopy(tensor: String, byte: Int)
  case proofElement(tensor: String, element: Int, found: Double, expected: Double)
  case proofLogits(String)

  public var text: String {
    switch self {
    case .zeroAdapter(let path): "\(path): changes nothing: all its deltas are zero. Was it trained?"
    case .zeroWeight(let path): "\(path): its weight is 0, so that it changes nothing. Leave it out."
    case .givenTwice(let first, let second):
      first == second
        ? "\(first): is given twice. To apply it twice, give it once with twice the weight."
        : "\(second): holds the same adapter as \(first). To apply it twice, give it once with twice the weight."
    case .mergedBefore(let adapter, let base, let weight):
      "\(base): its \(MergeReport.fileName) says that \(adapter) is in it already, with weight \(MergeProblem.number(weight)). "
        + "Merge into the base that it was trained on."
    case .magnitudeAmongOthers(let tensor):
      "'\(tensor)': DoRA scales what all adapters before it made of a row; merge it alone and with weight 1."
    case .deltaShape(let tensor, let adapter, let delta, let weight):
      "\(adapter): its delta of '\(tensor)' is \(delta), but the weight it is added to is \(weight)."
    case .vocabularies(let embedding, let head, let adapter):
      "\(adapter): leaves an embedding of \(embedding) rows and a head of \(head). Both must have the vocabulary's size; "
        + "save the other one too ('modules_to_save')."
    case .noSuchWeight(let tensor, let adapter): "\(adapter): changes '\(tensor)', which the base does not have."

    case .outputIsFile(let path): "\(path): is a file; the output must be a new folder."
    case .outputNotEmpty(let path, let entry):
      "\(path): is not empty (it holds '\(entry)'). Choose another output, or remove it first."
    case .outputInside(let path, let what, let folder):
      "\(path): lies in \(what) (\(folder)), which must stay as it is. Choose another output."
    case .outputBusy(let path): "\(path): another merge is writing there."
    case .tooLittleSpace(let output, let needed, let available):
      "\(output): needs \(MergeProblem.gigabytes(needed)), but its disk has \(MergeProblem.gigabytes(available)) left. Nothing was written."
    case .options(let sentence): sentence
    case .notInMeta(let key, let value, let reason):
      "Meta's params.json cannot say that '\(key)' is \(value). \(reason) Write --format hf."
    case .shards(let count, let reason): "The model cannot be split into \(count) shards. \(reason)"

    case .notFiniteInBase(let tensor, let element, let found):
      "The base's '\(tensor)' holds \(found) (element \(element)); a merge of it would be useless."
    case .overflow(let tensor, let element, let value, let dtype):
      "'\(tensor)': element \(element) is \(value), which \(dtype.rawValue) cannot hold (it ends at \(MergeProblem.largest(dtype))). "
        + "Merge with --dtype \(dtype == .float16 ? "bfloat16" : "float32")."
    case .emptyRow(let tensor, let row): "'\(tensor)': row \(row) is all zero, which DoRA's magnitude cannot scale."
    case .nothingChanged(let dtype):
      "The merge changes nothing: every change is rounded away in \(dtype). Merge with --dtype float32."

    case .proofTensors(let missing, let unexpected):
      "The merged files are wrong: "
        + [missing.isEmpty ? nil : "missing \(missing.prefix(5))", unexpected.isEmpty ? nil : "unexpected \(unexpected.prefix(5))"]
        .compactMap { $0 }.joined(separator: ", ") + ". " + MergeProblem.advice
    case .proofForm(let tensor, let found, let expected):
      "The merged '\(tensor)' is \(found); expected \(expected). " + MergeProblem.advice
    case .proofCopy(let tensor, let byte):
      "The merged '\(tensor)' differs from the base's at byte \(byte), but no adapter touches it. " + MergeProblem.advice
    case .proofElement(let tensor, let element, let found, let expected):
      "The merged '\(tensor)' is \(found) at element \(element); computed again it is \(expected). " + MergeProblem.advice
    case .proofLogits(let finding): finding
    }
  }

  private static let advice =
    "Nothing was kept. A disk or memory that fails does this; so would a mistake in Puna, which should be reported."

  private static func gigabytes(_ count: Int) -> String {
    let hundredths = Int((Double(count) / 1e7).rounded(.up))
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) GB"
  }

  static func number(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }

  private static func largest(_ dtype: DType) -> String { dtype == .float16 ? "65504" : "3.4e38" }
}

/// The person asked to stop; nothing was kept.
public struct MergeInterrupted: Error, Sendable, CustomStringConvertible {
  public let description = "Interrupted; nothing was kept."
}
