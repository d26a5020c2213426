import Evaluation
import TestSupport
import Testing

/// Likelihoods of whole texts.
@Suite(.serialized) struct RequestTextTests {
  static let positions = 16

  /// As the harness describes its windows: the first predicts as many tokens as there are positions, after a begin of sequence; each further
  /// one as many, after the last token before them; the last one has all the context there is room for.
  func plain(_ tokens: [Int32], _ one: RequestCase) -> TextScore {
    let size = RequestTextTests.positions
    var sum = one.plainScores([1] + tokens.prefix(size), from: 1).reduce(0) { $0 + $1.logProbability }
    var done = min(size, tokens.count)
    while done < tokens.count {
      let end = min(done + size, tokens.count)
      let window = Array(tokens[end - size - 1..<end])
      sum += one.plainScores(window, from: window.count - (end - done)).reduce(0) { $0 + $1.logProbability }
      done = end
    }
    return TextScore(logLikelihood: sum, tokenCount: tokens.count)
  }

  @Test(arguments: [2048, 20]) func everyTokenIsScoredOnce(rowLimit: Int) throws {
    let one = try RequestCase(positions: RequestTextTests.positions)
    // With the begin of sequence and the first space: around multiples of the positions, and far beyond.
    let counts = [0, 1, 12, 13, 14, 15, 16, 29, 30, 31, 46, 47, 200]
    let texts = counts.map { count in String((0..<count).map { Character(["X", "Q", "Z", "W"][($0 * $0 + count) % 4]) }) }
    let (responses, spent) = try one.respond(to: texts.map { .text($0) }, rowLimit: rowLimit)
    for (text, response) in zip(texts, responses) {
      let tokens = try one.begun(text)
      let expected = plain(tokens, one)
      guard case .text(let score)? = response else {
        Issue.record("no score")
        return
      }
      #expect(abs(score.logLikelihood - expected.logLikelihood) < 1e-5 * max(1, abs(expected.logLikelihood)), "\(tokens.count) tokens")
      #expect(score.tokenCount == expected.tokenCount)
    }
    #expect(spent.requests == texts.count && spent.tokensComputed <= spent.tokensAsked)
  }

  @Test func responsesOfTextsComeInTheOrderOfTheTexts() throws {
    let one = try RequestCase(positions: RequestTextTests.positions)
    let texts = (0..<30).map { SampleRequest.text(String(repeating: ["X", "A", "Z"][$0 % 3], count: 40 + $0)) }
    var order: [Int] = []
    var shares: [Double] = []
    let runner = RequestRunner(one.model, seed: 1, rowLimit: 20)
    try runner.respond(to: texts, onProgress: { shares.append($0) }) { index, _ in
      order.append(index)
      #expect(shares.last ?? 0 < Double(index + 5) / 30)
    }
    #expect(order.sorted() == Array(0..<30))
  }
}
