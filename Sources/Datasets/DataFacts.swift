/// What a person should know about data before time is spent on it.
public struct DataFacts: Sendable, Equatable, Codable {
  // MARK: - Known when the files are read

  public var rowsRead = 0
  public var rowsWithEmptyOutput = 0
  /// Conversations whose last turn is the user's; that turn is left out.
  public var rowsWithUnansweredTurn = 0
  /// Of text; their blocks are the rows.
  public var documents = 0
  /// Left out.
  public var emptyDocuments = 0
  /// Rows, or documents, that equal an earlier one of their file.
  public var duplicateRows = 0
  /// Keys of rows that are not used, with the number of rows that have them.
  public var ignoredKeys: [String: Int] = [:]

  // MARK: - Known when rows are encoded

  public var rowsEncoded = 0
  public var truncatedRows = 0
  /// Tokens that truncation has cut.
  public var tokensCut = 0
  /// Rows that were left out for being too long.
  public var droppedRows = 0
  /// Rows without a supervised token; they stay in their batch.
  public var rowsWithNothingToLearn = 0
  /// Of the rows kept, after truncation.
  public var tokens = 0
  public var supervisedTokens = 0
  /// Of the rows kept, after truncation.
  public var longestRow = 0

  public init() {}

  public static func + (a: DataFacts, b: DataFacts) -> DataFacts {
    var sum = a
    sum.rowsRead += b.rowsRead
    sum.rowsWithEmptyOutput += b.rowsWithEmptyOutput
    sum.rowsWithUnansweredTurn += b.rowsWithUnansweredTurn
    sum.documents += b.documents
    sum.emptyDocuments += b.emptyDocuments
    sum.duplicateRows += b.duplicateRows
    sum.ignoredKeys.merge(b.ignoredKeys, uniquingKeysWith: +)
    sum.rowsEncoded += b.rowsEncoded
    sum.truncatedRows += b.truncatedRows
    sum.tokensCut += b.tokensCut
    sum.droppedRows += b.droppedRows
    sum.rowsWithNothingToLearn += b.rowsWithNothingToLearn
    sum.tokens += b.tokens
    sum.supervisedTokens += b.supervisedTokens
    sum.longestRow = max(a.longestRow, b.longestRow)
    return sum
  }
}
