/// What user and assistant say to each other in turns, the user first.
public struct Conversation: Sendable, Equatable {
  /// What the user says and the assistant's answer.
  public struct Exchange: Sendable, Equatable {
    public var user: String
    /// Nil: not answered yet; only in the last exchange.
    public var assistant: String?

    public init(user: String, assistant: String? = nil) {
      self.user = user
      self.assistant = assistant
    }
  }

  /// Stands before the first turn, in place of the template's own system text.
  public var system: String?
  public var exchanges: [Exchange]

  /// - Precondition: every exchange but the last has an answer.
  public init(system: String? = nil, exchanges: [Exchange]) {
    precondition(exchanges.dropLast().allSatisfy { $0.assistant != nil }, "only the last exchange may lack its answer")
    self.system = system
    self.exchanges = exchanges
  }
}
