extension PromptTemplate {
  /// How a template goes on after the first exchange, and where a conversation's own system text stands.
  ///
  /// A conversation's first turn is `prompt_no_input`, so that one of a single turn is the same as an instruction row.
  public struct Chat: Sendable, Equatable, Codable {
    /// A user's turn after an answer, with `{instruction}`; the end of the answer stands before it.
    public var next: String
    /// The first turn of a conversation that has a system text, with `{system}` and `{instruction}`. Nil: `prompt_no_input`, if that has
    /// `{system}`; otherwise there is no place for one.
    public var withSystem: String?
    /// Whether the begin of sequence stands before every user's turn, not only at the start.
    public var beginsEachTurn: Bool

    enum CodingKeys: String, CodingKey, CaseIterable {
      case next
      case withSystem = "with_system"
      case beginsEachTurn = "begin_each_turn"
    }

    public init(next: String, withSystem: String? = nil, beginsEachTurn: Bool = false) {
      self.next = next
      self.withSystem = withSystem
      self.beginsEachTurn = beginsEachTurn
    }
  }

  /// Whether a conversation may bring its own system text.
  public var hasPlaceForSystem: Bool { chat?.withSystem != nil || PromptTemplate.parts(of: promptNoInput).contains(.system) }
}
