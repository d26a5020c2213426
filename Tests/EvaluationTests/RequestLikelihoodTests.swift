import Evaluation
import Foundation
import TestSupport
import Testing
import Tokenizers

@Suite(.serialized) struct RequestLikelihoodTests {
  static let words = ["the", "stone", "rose", "in", "and", "respond", "at", "X", "ping", "sir", "9", "is", "Question:", "Answer:"]

  static func text(_ count: Int, _ seed: Int) -> String {
    (0..<count).map { words[($0 * $0 * 3 + $0 * (seed + 2) + seed * 5) % words.count] }.joined(separator: " ")
  }

  /// Two subjects with worked examples of their own behind a common beginning; questions with choices of one and of more tokens, and some
  /// that share nothing.
  static let asked: [[Continuation]] = {
    let preamble = text(20, 1)
    let subjects = [preamble + " " + text(22, 2), preamble + " " + text(20, 3)]
    var asked = subjects.enumerated().flatMap { subject, shots in
      (0..<4).map { index in
        let context = shots + "\n" + text(3 + index * 4, index + subject) + "\nAnswer:"
        let choices = index % 2 == 0 ? ["A", "B", "C", "D"] : [" the stone", " the stone rose in", " and", " the rose"]
        return choices.map { Continuation(context: context, text: $0) }
      }
    }
    asked.append([" the stone", " rose"].map { Continuation(context: text(40, 7), text: $0 + " " + text(9, 3)) })
    asked.append([Continuation(context: "Q", text: " is"), Continuation(context: "the", text: " rose and the rose")])
    // Twice the same request, choices that are equal, and contexts that differ.
    asked.append(asked[1])
    asked.append([
      Continuation(context: "the", text: " X"), Continuation(context: "the", text: " X"), Continuation(context: "in", text: " X"),
    ])
    return asked
  }()

  @Test func scoresEqualThoseOfEachSequenceAlone() throws {
    let one = try RequestCase()
    let expected = try RequestLikelihoodTests.asked.map { try $0.map { try one.plain($0) } }
    let rows = try RequestLikelihoodTests.asked.joined().reduce(0) { try $0 + one.begun($1.context + $1.text).count - 1 }
    var first: [[ContinuationScore]] = []
    var computed: [Int] = []
    // From batches that hold a single sequence to one that holds everything.
    for rowLimit in [1, 60, 150, 300, 2048] {
      let (responses, counts) = try one.respond(to: RequestLikelihoodTests.asked.map { .continuations($0) }, rowLimit: rowLimit)
      let scores = responses.map { response -> [ContinuationScore] in
        if case .continuations(let scores)? = response { scores } else { [] }
      }
      for (scores, expected) in zip(scores, expected) { #expect(agree(scores, expected, within: 1e-5), "rows \(rowLimit)") }
      if first.isEmpty { first = scores }
      for (scores, first) in zip(scores, first) { #expect(agree(scores, first, within: 1e-6), "rows \(rowLimit)") }
      #expect(counts.tokensAsked == rows && counts.requests == RequestLikelihoodTests.asked.count && counts.cutContexts == 0)
      computed.append(counts.tokensComputed)
    }
    // Everything at once computes each node of the prefix tree once; keeping beginnings is nearly as good.
    let distinct = try Set(
      RequestLikelihoodTests.asked.joined().flatMap { asked in
        let tokens = try one.begun(asked.context + asked.text).dropLast()
        return (1...tokens.count).map { Array(tokens[..<$0]) }
      }
    ).count
    #expect(computed.last == distinct)
    #expect(computed[2] < distinct * 5 / 4 && distinct < rows / 5, "\(computed) of \(rows)")
  }

  @Test func choicesOfOneTokenAreTargetsOfOneRow() throws {
    let one = try RequestCase()
    let context = RequestLikelihoodTests.text(8, 4)
    let letters = "ABCDEFGH".map { " \($0)" }
    let asked = letters.map { Continuation(context: context, text: $0) }
    let (responses, counts) = try one.respond(to: [.continuations(asked)])
    let contextCount = try one.begun(context).count
    // A letter after a space is two tokens here: the space is shared too.
    #expect(counts.tokensComputed == contextCount + 1)
    #expect(counts.tokensAsked == letters.count * (contextCount + 1))
    guard case .continuations(let scores)? = responses[0] else { Issue.record("no scores"); return }
    #expect(agree(scores, try asked.map { try one.plain($0) }, within: 1e-5))
  }

  @Test func theGreedyContinuationIsMarked() throws {
    let one = try RequestCase()
    // Of these texts at least one is the most likely after one of these contexts.
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?".map(String.init)
    let asked = (0..<12).map { index in letters.map { Continuation(context: "X" + String(repeating: "Z", count: index), text: $0) } }
    let scores = try one.continuations(asked)
    var greedyCount = 0
    for (scores, asked) in zip(scores, asked) {
      let context = try one.begun(asked[0].context)
      let logits = try #require(one.reference.logits(context.map(Int.init)).last)
      for (score, asked) in zip(scores, asked) {
        let ids = try one.begun(asked.context + asked.text)
        try #require(ids.count == context.count + 1)
        #expect(score.isGreedy == (logits[Int(ids[context.count])] == logits.max()))
      }
      greedyCount += scores.count(where: \.isGreedy)
    }
    #expect(greedyCount > 0)
  }

  @Test func equalLogitsAreDecidedForTheLowestId() throws {
    // Every row of the head is the same: all logits are equal, and id 0 is the most likely one.
    let one = try RequestCase(weights: { tensors in
      let width = tensors["model.norm.weight"]?.count ?? 1
      let head = tensors["lm_head.weight", default: []]
      tensors["lm_head.weight"] = (0..<head.count).map { head[$0 % width] }
    })
    let scores = try one.continuations([[Continuation(context: "the", text: " rose")]])
    #expect(scores[0][0].isGreedy == false)
    #expect(abs(scores[0][0].logLikelihood + Double(scores[0][0].tokenCount) * log(Double(one.tokenizer.vocabularySize))) < 1e-4)
  }

  // MARK: - Tokens

  @Test func whiteSpaceAtTheEndOfAContextBelongsToTheContinuation() throws {
    let one = try RequestCase()
    let pairs = [("the stone ", "rose"), ("the stone \n\u{3000}", " rose"), ("the\u{1F} ", "X"), ("  \n", "rose")]
    let scores = try one.continuations([pairs.map { Continuation(context: $0.0, text: $0.1) }])
    let contexts = ["the stone", "the stone", "the", ""]
    for (index, (pair, context)) in zip(pairs, contexts).enumerated() {
      let context = try one.begun(context)
      let whole = try one.begun(pair.0 + pair.1)
      #expect(agree([scores[0][index]], [one.plain(context, Array(whole.dropFirst(context.count)))], within: 1e-5), "\(pair)")
    }
  }

  @Test func anEmptyContextIsTheBeginOfSequence() throws {
    let one = try RequestCase()
    let texts = ["the stone rose", "X", "<s>X"]
    let scores = try one.continuations([texts.map { Continuation(context: "", text: $0) }])
    #expect(agree(scores[0], try texts.map { one.plain([1], try one.tokenizer.encode($0)) }, within: 1e-5))
  }

  @Test func aContextThatSpellsTheBeginningGetsNoOther() throws {
    let one = try RequestCase()
    let scores = try one.continuations([["<s>the stone", "the stone"].map { Continuation(context: $0, text: " rose") }])
    #expect(agree([scores[0][0]], [scores[0][1]], within: 1e-6))
  }

  /// Tokens of context and continuation, with a begin of sequence: one more than the model's positions is not cut.
  @Test(arguments: [30, 31, 32, 33, 34, 60, 90]) func longContextsAreCutOnTheLeft(tokenCount: Int) throws {
    let one = try RequestCase(positions: 32)
    // One token each, but for the begin of sequence and the space before the first.
    func letters(_ count: Int, from first: Int) -> String {
      String((0..<count).map { Character(["X", "Q", "Z", "W", "9"][($0 + first) % 5]) })
    }
    let asked = [3, 5, 32].map { count in
      Continuation(context: letters(tokenCount - count < 3 ? 3 : tokenCount - count - 2, from: 1), text: letters(count, from: 3))
    }
    let (responses, counts) = try one.respond(to: [.continuations(asked), .continuations([asked[0]])])
    let expected = try asked.map { try one.plain($0) }
    guard case .continuations(let scores)? = responses[0], case .continuations(let again)? = responses[1] else {
      Issue.record("no scores")
      return
    }
    #expect(agree(scores, expected, within: 1e-5) && again == [scores[0]])
    #expect(scores[0].cutCount == max(0, tokenCount - 33) && scores[0].tokenCount == 3)
    #expect(scores[2].tokenCount == 32 && scores[2].cutCount > 0)
    let all = expected + [expected[0]]
    #expect(counts.cutContexts == all.count { $0.cutCount > 0 } && counts.cutTokens == all.reduce(0) { $0 + $1.cutCount })
  }

  @Test func whatCannotBeScoredIsSaidBeforeAnythingIsComputed() throws {
    let one = try RequestCase(positions: 32)
    let fine = SampleRequest.continuations([Continuation(context: "the", text: " rose")])
    func check(_ request: SampleRequest, _ problem: RequestError.Problem) {
      let runner = RequestRunner(one.model, seed: 1)
      #expect(throws: RequestError(request: 1, problem)) { try runner.respond(to: [fine, request]) { _, _ in } }
      #expect(runner.counts == RequestRunner.Counts())
    }
    check(.continuations([Continuation(context: "the", text: "")]), .emptyContinuation(context: "the"))
    check(.continuations([Continuation(context: "", text: "")]), .emptyContinuation(context: ""))
    check(
      .continuations([Continuation(context: "the", text: String(repeating: "X", count: 40))]),
      .continuationTooLong(tokenCount: 40, positions: 32))
    check(
      .generation(GenerationRequest(prompt: .raw("the"), stops: [], maximumTokens: 32)), .noRoomForPrompt(maximumTokens: 32, positions: 32))
    #expect(
      RequestError(request: 7, .continuationTooLong(tokenCount: 40, positions: 32)).description
        == "Request 7: a continuation has 40 tokens, but the model has 32 positions. Only contexts are cut.")
  }

  @Test func logitsThatAreNoNumbersAreNoScores() throws {
    let one = try RequestCase(weights: { tensors in tensors["lm_head.weight"]?[5] = .nan })
    #expect(throws: RequestError(request: 0, .notANumber)) { try one.continuations([[Continuation(context: "the", text: " rose")]]) }
  }

  // MARK: - Order

  @Test func responsesComeAsBatchesAreComputedAndMayEndIt() throws {
    struct Enough: Error {}
    let one = try RequestCase()
    let requests = RequestLikelihoodTests.asked.map { SampleRequest.continuations($0) } + [.continuations([])]
    let runner = RequestRunner(one.model, seed: 1, rowLimit: 200)
    var shares: [Double] = []
    var sharesAtResponses: [Double] = []
    try runner.respond(to: requests, onProgress: { shares.append($0) }) { index, response in
      if index == requests.count - 1 { #expect(response == .continuations([])) }
      sharesAtResponses.append(shares.last ?? 0)
    }
    #expect(shares == shares.sorted() && shares.count > 3 && shares.last == 1)
    #expect(Set(sharesAtResponses).count > 3)
    var count = 0
    #expect(throws: Enough.self) {
      try runner.respond(to: requests) { _, _ in
        count += 1
        if count == 5 { throw Enough() }
      }
    }
    #expect(count == 5)
  }
}
