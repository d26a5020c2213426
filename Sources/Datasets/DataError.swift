/// What is wrong with data. `description` is what a person reads.
public enum DataError: Error, Equatable, CustomStringConvertible {
  case missingFile(path: String)
  case unreadable(path: String, reason: String)
  /// Not JSON; `location` is `path:line:column (byte n)`.
  case notJSON(location: String, reason: String)
  /// A text file whose bytes are no UTF-8 from `offset` on.
  case notText(path: String, offset: Int)
  /// JSON, but no rows.
  case notRows(path: String, reason: String)
  /// `row` from 1; `problem` continues "row n".
  case badRow(path: String, row: Int, problem: String)
  /// A row's text became a token that the model does not have.
  case outsideVocabulary(path: String, row: Int, id: Int32, vocabularySize: Int)
  /// Changed in place after it was opened.
  case changed(path: String)
  /// Text rows, but no tokenizer.
  case noTokenizer(path: String)
  /// `others`: how many further rows are too long.
  case tooLong(path: String, row: Int, tokenCount: Int, limit: Int, others: Int)
  case beyondPositions(path: String, row: Int, tokenCount: Int, positions: Int)
  case nothingToTrain(reason: String)

  public var description: String {
    switch self {
    case .missingFile(let path): return "\(path): no such file."
    case .unreadable(let path, let reason): return "\(path): cannot be read: \(reason)."
    case .notJSON(let location, let reason): return "\(location): not JSON: \(reason)."
    case .notText(let path, let offset): return "\(path): not valid UTF-8 (byte \(offset)). Convert the file to UTF-8."
    case .notRows(let path, let reason): return "\(path): \(reason)"
    case .badRow(let path, let row, let problem): return "\(path): row \(row) \(problem)"
    case .outsideVocabulary(let path, let row, let id, let vocabularySize):
      return "\(path): row \(row) has the token \(id), outside the model's vocabulary of \(vocabularySize). "
        + "Is this the base's own tokenizer?"
    case .changed(let path):
      return "\(path): the file was changed after the run had opened it. Leave it as it is until the run ends, and start again."
    case .noTokenizer(let path): return "\(path): rows of text need a tokenizer, and the base has none. Set 'tokenizer' in the recipe."
    case .tooLong(let path, let row, let tokenCount, let limit, let others):
      let rest = others == 0 ? "" : " \(others) further row\(others == 1 ? " is" : "s are") too long."
      return "\(path): row \(row) has \(tokenCount) tokens, but data.max_length is \(limit) and data.too_long is 'error'.\(rest)"
    case .beyondPositions(let path, let row, let tokenCount, let positions):
      return "\(path): row \(row) has \(tokenCount) tokens, but the model has \(positions) positions. Set data.max_length to at most that."
    case .nothingToTrain(let reason): return reason
    }
  }
}
