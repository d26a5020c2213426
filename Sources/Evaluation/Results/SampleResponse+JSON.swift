import JSON

/// Why a JSON value is not a response.
public struct SampleResponseError: Error, Equatable, CustomStringConvertible {
  /// Without a full stop.
  public let description: String
}

/// The compact form in which responses are kept: `{"continuations":[[-1.5,true,3,0]]}` with log-likelihood, whether it is the greedy
/// one, tokens, and tokens cut; `{"text":[-20.25,12]}` with log-likelihood and tokens; `{"answers":["..."]}`.
extension SampleResponse {
  /// Numbers read back as they were; one that is not finite is null, which is not read back.
  public var json: JSONValue {
    func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
    switch self {
    case .continuations(let scores):
      let rows = scores.map { score in
        JSONValue.array([number(score.logLikelihood), .bool(score.isGreedy), .integer(score.tokenCount), .integer(score.cutCount)])
      }
      return .object(["continuations": .array(rows)])
    case .text(let score): return .object(["text": .array([number(score.logLikelihood), .integer(score.tokenCount)])])
    case .answers(let answers): return .object(["answers": .array(answers.map { .string($0) })])
    }
  }

  /// - Throws: `SampleResponseError` for anything but what `json` writes.
  public init(json: JSONValue) throws {
    guard let members = json.object, members.count == 1, let (key, value) = members.first else {
      throw SampleResponseError(description: "a response is an object with one key, found \(json.excerpt)")
    }
    guard let elements = value.array else {
      throw SampleResponseError(description: "'\(key)' of a response is an array, found \(value.kind.rawValue)")
    }
    switch key {
    case "continuations": self = .continuations(try elements.map(ContinuationScore.init(json:)))
    case "text": self = .text(try TextScore(json: elements))
    case "answers":
      self = .answers(
        try elements.map { element in
          guard let text = element.string else {
            throw SampleResponseError(description: "an answer is a string, found \(element.kind.rawValue)")
          }
          return text
        })
    default:
      throw SampleResponseError(description: "a response has the key 'continuations', 'text' or 'answers', found '\(key)'")
    }
  }
}

extension ContinuationScore {
  fileprivate init(json: JSONValue) throws {
    guard let parts = json.array, parts.count == 4, let logLikelihood = parts[0].double, let isGreedy = parts[1].bool,
      let tokenCount = parts[2].count, let cutCount = parts[3].count
    else {
      throw SampleResponseError(description: "a continuation is [log-likelihood, greedy, tokens, cut], found \(json.excerpt)")
    }
    self.init(logLikelihood: logLikelihood, isGreedy: isGreedy, tokenCount: tokenCount, cutCount: cutCount)
  }
}

extension TextScore {
  fileprivate init(json parts: [JSONValue]) throws {
    guard parts.count == 2, let logLikelihood = parts[0].double, let tokenCount = parts[1].count else {
      throw SampleResponseError(description: "a text is [log-likelihood, tokens], found \(JSONValue.array(parts).excerpt)")
    }
    self.init(logLikelihood: logLikelihood, tokenCount: tokenCount)
  }
}

extension JSONValue {
  /// A whole number from 0 on, written as one.
  fileprivate var count: Int? { if case .integer(let value) = self, value >= 0 { value } else { nil } }
}
