import JSON
import Tokenizers

extension TrainingSet {
  /// A row of instruction data as it stands in its file.
  public struct RowText: Sendable, Equatable {
    public let instruction: String
    /// `nil`: none, null or "".
    public let input: String?
    public let output: String
  }

  /// The texts of a row; `nil` for rows of tokens.
  public func text(of origin: MaskedSequence.Origin) -> RowText? {
    let file = rows.encoder.files[origin.source]
    guard case .texts(let texts) = file.rows.rows else { return nil }
    let row = texts[origin.row - 1]
    func string(_ text: JSONText) -> String { String(decoding: file.rows.utf8(text), as: UTF8.self) }
    return RowText(instruction: string(row.instruction), input: row.input.map(string), output: string(row.output))
  }

  /// What turns prompts into tokens as the row's file was; `nil` for rows of tokens.
  public func encoder(of origin: MaskedSequence.Origin) -> PromptEncoder? { rows.encoder.files[origin.source].encoder }
}
