import Evaluation
import Inference
import TestSupport
import Testing
import Tokenizers

@Suite(.serialized) struct RequestGenerationTests {
  /// The most likely token again and again, by the plain network.
  func greedy(_ prompt: [Int32], _ count: Int, _ one: RequestCase) -> [Int32] {
    var tokens = prompt.map(Int.init)
    while tokens.count < prompt.count + count, let logits = one.reference.logits(tokens).last, let largest = logits.max(),
      let next = logits.firstIndex(of: largest), next != 2
    { tokens.append(next) }
    return tokens[prompt.count...].map(Int32.init)
  }

  func request(
    _ prompt: String, stops: [String] = [], _ count: Int = 10, answers: Int = 1, temperature: Float = 0, keepsLeadingSpace: Bool = false
  ) -> SampleRequest {
    .generation(
      GenerationRequest(
        prompt: .raw(prompt), stops: stops, maximumTokens: count, answerCount: answers, temperature: temperature,
        keepsLeadingSpace: keepsLeadingSpace))
  }

  func answers(_ requests: [SampleRequest], _ one: RequestCase, seed: UInt64 = 1) throws -> [[String]] {
    try one.respond(to: requests, seed: seed).responses.map {
      guard case .answers(let answers, _)? = $0 else { return [] }
      return answers
    }
  }

  @Test func greedyAnswersEqualThePlainNetworks() throws {
    let one = try RequestCase(positions: 64)
    let prompts = ["the stone", "X", ""]
    let expected = try prompts.map { [try one.tokenizer.decode(greedy(try one.begun($0), 6, one))] }
    #expect(try answers(prompts.map { request($0, 6) }, one) == expected)
    let instruction = SampleRequest.generation(
      GenerationRequest(prompt: .instruction("the rose", input: nil), stops: [], maximumTokens: 2))
    let wide = try RequestCase(positions: 400)
    let ids = try wide.model.encoder.encodePrompt(instruction: "the rose")
    #expect(try answers([instruction], wide) == [[try wide.tokenizer.decode(greedy(ids, 2, wide))]])
  }

  /// A model that says " theABC#é\nD" after an X.
  func speller() throws -> RequestCase {
    let pieces = TinySentencePiece()
    return try RequestCase.spelling(["X", "▁the", "A", "B", "C", "#", "é", "<0x0A>", "D"].map { pieces.id($0) })
  }

  @Test func answersEndBeforeAStop() throws {
    let one = try speller()
    #expect(try answers([request("X", 20), request("X", 3), request("A", 20)], one) == [["theABC#é\nD"], ["theAB"], ["BC#é\nD"]])
    func check(_ stops: [String], _ expected: String, tokenCount: Int) throws {
      let (responses, counts) = try one.respond(to: [request("X", stops: stops, 20)])
      #expect(responses == [.answers([expected])] && counts.tokensGenerated == tokenCount && counts.requests == 1, "\(stops)")
    }
    try check(["", "###", "C#"], "theAB", tokenCount: 5)
    try check(["\n"], "theABC#é", tokenCount: 7)
    try check(["the"], "", tokenCount: 1)
    try check(["eA", "B"], "th", tokenCount: 2)
    // One after the other, each at its first place.
    try check(["C#", "BC#"], "theAB", tokenCount: 5)
    try check(["BC#", "C#"], "theA", tokenCount: 5)
  }

  @Test func aLeadingSpaceIsKeptWhereItIsAskedFor() throws {
    #expect(
      try answers([request("X", 3, keepsLeadingSpace: true), request("A", 2, keepsLeadingSpace: true)], speller()) == [[" theAB"], ["BC"]])
  }

  @Test func longPromptsAreCutOnTheLeft() throws {
    let one = try RequestCase(positions: 32)
    let prompt = String((0..<50).map { Character(["X", "Q", "Z"][$0 * $0 % 3]) })
    let ids = try one.begun(prompt)
    let (responses, counts) = try one.respond(to: [request(prompt, 4), request("X", 4)])
    #expect(responses[0] == .answers([try one.tokenizer.decode(greedy(Array(ids.suffix(28)), 4, one))], cutCount: ids.count - 28))
    #expect(counts.cutContexts == 1 && counts.cutTokens == ids.count - 28)
  }

  @Test func drawnAnswersDependOnTheSeedAndThePromptAlone() throws {
    let one = try RequestCase(positions: 64)
    let many = request("the stone", answers: 9, temperature: 1)
    let few = request("the rose", answers: 3, temperature: 1)
    let together = try answers([many, few, request("X", 4), request("X", 10, temperature: 1)], one)
    #expect(together.map(\.count) == [9, 3, 1, 1])
    #expect(Set(together[0]).count > 5 && Set(together[1]).count == 3)
    #expect(try answers([few], one) == [together[1]] && answers([many], one) == [together[0]])
    #expect(try answers([few], one, seed: 2) != [together[1]])
  }

  @Test func responsesComeAsAnswersEnd() throws {
    struct Enough: Error {}
    let one = try RequestCase(positions: 64)
    let requests = (0..<20).map { request("the " + String(repeating: "X", count: $0)) }
    var shares: [Double] = []
    var order: [Int] = []
    let runner = RequestRunner(one.model, seed: 1)
    try runner.respond(to: requests, onProgress: { shares.append($0) }) { index, _ in
      order.append(index)
      if order.count == 1 { #expect((shares.last ?? 1) < 0.9) }
    }
    #expect(order.sorted() == Array(0..<20) && shares.last == 1 && shares == shares.sorted())
    #expect(throws: Enough.self) { try runner.respond(to: requests, onProgress: { _ in throw Enough() }) { _, _ in } }
  }
}
