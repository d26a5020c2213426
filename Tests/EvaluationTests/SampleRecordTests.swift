import Evaluation
import JSON
import Testing

@Suite("Records of samples")
struct SampleRecordTests {
  private func line(_ request: SampleRequest, _ target: SampleTarget, _ response: SampleResponse, _ score: SampleScore, subject: String? = nil)
    -> String
  {
    SampleRecord(sample: Sample(id: 7, subject: subject, request: request, target: target), response: response, score: score)
      .line(model: "base", task: "piqa") { prompt in
        switch prompt {
        case .raw(let text): text
        case .instruction(let instruction, _): "Instruction:\n\(instruction)\n"
        }
      }
  }

  private func scores(_ values: [Double]) -> SampleResponse {
    .continuations(values.map { ContinuationScore(logLikelihood: $0, isGreedy: false, tokenCount: 2) })
  }

  @Test("a question with choices has the keys of the contract in their order")
  func choices() {
    let score = SampleScore(values: [:], prediction: .choice(0), isCorrect: false)
    #expect(
      line(Samples.question, .choice(1), scores([-1.25, -20.1]), score)
        == #"{"model":"base","task":"piqa","id":7,"prompt":"Q: 1+1?\nA:","choices":[" 2"," 3"],"loglikelihoods":[-1.25,-20.1],"#
        + #""prediction":0,"target":1,"correct":false}"#)
  }

  @Test("contexts that differ share their beginning as the prompt; with a choice it is the text that was scored")
  func contexts() {
    let request = SampleRequest.continuations([
      Continuation(context: "The cup did not fit because the cup", text: " was big."),
      Continuation(context: "The cup did not fit because the box", text: " was big."),
    ])
    #expect(
      line(request, .choices([true, false]), scores([-1, -2]), SampleScore(values: [:]), subject: "size")
        == #"{"model":"base","task":"piqa","subject":"size","id":7,"prompt":"The cup did not fit because the ","#
        + #""choices":["cup was big.","box was big."],"loglikelihoods":[-1.0,-2.0],"prediction":null,"target":[true,false],"correct":null}"#)
  }

  @Test("prompts part between characters as Python counts them")
  func scalars() {
    let request = SampleRequest.continuations([Continuation(context: "e\u{301}", text: "1"), Continuation(context: "e\u{300}", text: "2")])
    #expect(
      line(request, .none, scores([-1, -2]), SampleScore(values: [:]))
        == "{\"model\":\"base\",\"task\":\"piqa\",\"id\":7,\"prompt\":\"e\",\"choices\":[\"\u{301}1\",\"\u{300}2\"],"
        + #""loglikelihoods":[-1.0,-2.0],"prediction":null,"target":null,"correct":null}"#)
  }

  @Test("a text is the one choice after an empty prompt")
  func text() {
    #expect(
      line(.text("Once upon a time"), .none, .text(TextScore(logLikelihood: -31.5, tokenCount: 9)), SampleScore(values: [:]))
        == #"{"model":"base","task":"piqa","id":7,"prompt":"","choices":["Once upon a time"],"loglikelihoods":[-31.5],"#
        + #""prediction":null,"target":null,"correct":null}"#)
  }

  @Test("an answer takes the place of choices; several are all there; instructions are written in the template")
  func answers() {
    let request = SampleRequest.generation(
      GenerationRequest(prompt: .instruction("Add.", input: nil), stops: [], maximumTokens: 8, answerCount: 2, temperature: 1))
    let score = SampleScore(values: [:], prediction: .text("4"), isCorrect: true)
    #expect(
      line(request, .texts(["4"]), .answers(["It is \"4\".", "4\u{1}"]), score)
        == #"{"model":"base","task":"piqa","id":7,"prompt":"Instruction:\nAdd.\n","answer":"It is \"4\".","#
        + #""answers":["It is \"4\".","4\u0001"],"prediction":"4","target":"4","correct":true}"#)
    #expect(
      line(request, .texts(["4", "four"]), .answers(["5"]), SampleScore(values: [:]))
        .hasSuffix(#""answer":"5","prediction":null,"target":["4","four"],"correct":null}"#))
    #expect(line(request, .program(before: "a", after: "b"), .answers(["5"]), score).contains(#""target":"b""#))
  }

  @Test(
    "a response is read back as it was written",
    arguments: [
      .continuations([]),
      .continuations([
        ContinuationScore(logLikelihood: -0.1 - 0.2, isGreedy: true, tokenCount: 3, cutCount: 5),
        ContinuationScore(logLikelihood: -.leastNormalMagnitude, isGreedy: false, tokenCount: 0),
      ]),
      .text(TextScore(logLikelihood: -123456.789012345678, tokenCount: 4096)), .text(TextScore(logLikelihood: -3, tokenCount: 1)),
      .answers([]), .answers(["", "a\nb", "羊驼 \u{0}\u{202E}\"\\"]),
    ] as [SampleResponse])
  func roundTrip(response: SampleResponse) throws {
    #expect(try SampleResponse(json: JSONValue(parsing: Array(response.json.line.utf8))) == response)
  }

  @Test("a response is compact")
  func compact() {
    let response = SampleResponse.continuations([ContinuationScore(logLikelihood: -1.5, isGreedy: true, tokenCount: 3)])
    #expect(response.json.line == #"{"continuations":[[-1.5,true,3,0]]}"#)
  }

  @Test(
    "what is no response is refused with what it should be",
    arguments: [
      ("[]", "a response is an object with one key, found []"),
      ("{}", "a response is an object with one key, found {}"),
      (#"{"text":[-1,1],"answers":[]}"#, #"a response is an object with one key, found {"answers":[],"text":[-1,1]}"#),
      (#"{"text":"a"}"#, "'text' of a response is an array, found a string"),
      (#"{"score":[]}"#, "a response has the key 'continuations', 'text' or 'answers', found 'score'"),
      (#"{"text":[-1]}"#, "a text is [log-likelihood, tokens], found [-1]"),
      (#"{"text":[null,1]}"#, "a text is [log-likelihood, tokens], found [null,1]"),
      (#"{"text":[-1,-1]}"#, "a text is [log-likelihood, tokens], found [-1,-1]"),
      (#"{"text":[-1,1.5]}"#, "a text is [log-likelihood, tokens], found [-1,1.5]"),
      (#"{"answers":[1]}"#, "an answer is a string, found a number"),
      (#"{"continuations":[[-1,true,1]]}"#, "a continuation is [log-likelihood, greedy, tokens, cut], found [-1,true,1]"),
      (#"{"continuations":[[-1,1,1,0]]}"#, "a continuation is [log-likelihood, greedy, tokens, cut], found [-1,1,1,0]"),
      (#"{"continuations":[{}]}"#, "a continuation is [log-likelihood, greedy, tokens, cut], found {}"),
    ])
  func refused(text: String, message: String) throws {
    let value = try JSONValue(parsing: Array(text.utf8))
    let error = #expect(throws: SampleResponseError.self) { try SampleResponse(json: value) }
    #expect(error?.description == message)
  }

  @Test("likelihoods that are no numbers are written as null and not read back")
  func notFinite() {
    let response = SampleResponse.text(TextScore(logLikelihood: .nan, tokenCount: 1))
    #expect(response.json.line == #"{"text":[null,1]}"#)
    #expect(throws: SampleResponseError.self) { try SampleResponse(json: response.json) }
  }
}
