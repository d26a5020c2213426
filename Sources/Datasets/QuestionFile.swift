/// The instructions of a file that are to be answered: Alpaca's rows as JSON or JSON lines.
public struct QuestionFile: Sendable {
  public struct Row: Sendable, Equatable {
    public let instruction: String
    /// `nil`: none, null or "".
    public let input: String?
    /// `nil`: was not asked for.
    public let output: String?
  }

  public let path: String
  public let rows: [Row]
  /// Keys other than `instruction`, `input` and `output`, and how many rows have them.
  public let ignoredKeys: [String: Int]

  /// Reads the whole file.
  ///
  /// - Parameter hasOutputs: whether every row has an output, to compare answers with; else outputs are not looked at.
  /// - Throws: `DataError` at the first thing that is wrong.
  public init(path: String, hasOutputs: Bool = false) throws {
    let file = try RowFile(
      DataFile(path: path), format: .alpaca, vocabularySize: nil, limits: ReadingLimits(), needsOutput: hasOutputs)
    self.path = path
    rows = try (0..<file.count).map { index in
      guard case .instruction(let instruction, let input, let output) = try file.content(index) else { throw DataError.changed(path: path) }
      return Row(
        instruction: String(decoding: instruction, as: UTF8.self), input: input.isEmpty ? nil : String(decoding: input, as: UTF8.self),
        output: hasOutputs ? String(decoding: output, as: UTF8.self) : nil)
    }
    ignoredKeys = file.facts.ignoredKeys.filter { $0.key != "output" }
  }
}
