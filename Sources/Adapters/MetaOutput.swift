import Bases
import Checkpoints
import Foundation

/// A merged model as a Meta folder: what can be said of it there, and the files beside the weights.
struct MetaOutput: Sendable {
  let layout: MetaLayout
  let notes: [String]
  /// The text of `params.json`.
  private let parameters: String
  private let files: ModelFiles
  private let shardCount: Int

  static let checklistName = "checklist.chk"
  private static let tokenizerName = "tokenizer.model"

  /// - Parameters:
  ///   - files: Those that a Hugging Face folder would have.
  ///   - hasOwnTokenizer: No adapter brought another.
  /// - Throws: `MergeError` with everything that such a folder cannot say.
  init(_ plan: MergePlan, base: Base, files: ModelFiles, hasOwnTokenizer: Bool, shardCount: Int?) throws {
    var problems: [MergeProblem] = []
    let description = MetaDescription(plan.configuration, keeping: try base.metaParameters())
    problems += description.obstacles.map { .notInMeta(key: $0.key, value: $0.value, reason: $0.reason) }
    let split: MetaSplit
    do {
      split = try MetaSplit(plan.configuration, base: base, count: shardCount)
    } catch {
      throw MergeError(problems + [.shards(error.shardCount, reason: error.reason)])
    }
    guard problems.isEmpty else { throw MergeError(problems) }
    layout = MetaLayout(plan.tensors, split: split)
    parameters = description.document.text
    self.shardCount = split.shardCount

    var notes = description.notes + split.notes
    let hasAddedTokens = files.files["added_tokens.json"] != nil
    var files = files.forMeta(tokenizer: MetaOutput.tokenizerName)
    let inner = "\(base.path)/original/\(MetaOutput.tokenizerName)"
    if hasOwnTokenizer, !files.hasTokenizer, FileManager.default.fileExists(atPath: inner) {
      files.add(try MappedFile.open(inner), as: MetaOutput.tokenizerName)
    }
    if !files.hasTokenizer {
      notes.append("Meta's folders want a tokenizer.model, and there is none: the output has no tokenizer.")
    }
    if hasAddedTokens, files.hasTokenizer {
      notes.append("added_tokens.json is left out: a Meta folder has no place for tokens beside those of its tokenizer.model.")
    }
    self.files = files
    self.notes = notes
  }

  /// Everything beside the weights, but for sums.
  func writeFiles(to folder: String) throws {
    try files.write(to: folder)
    try AtomicFile.write(parameters, to: "\(folder)/\(MetaDescription.fileName)")
  }

  /// The names that Meta's `checklist.chk` has.
  var checkedNames: [String] {
    (0..<shardCount).map(MetaLayout.fileName) + [MetaDescription.fileName] + (files.hasTokenizer ? [MetaOutput.tokenizerName] : [])
  }
}
