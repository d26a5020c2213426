import Datasets
import TestSupport
import Testing
import Tokenizers

/// Order, held-out rows, weights, lengths.
struct TrainingSetTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Token rows `[first, first + 1, ...]` of the lengths given, the first id counting rows from `firstID`.
  func rows(_ name: String, lengths: [Int], firstID: Int = 0) throws -> DataOptions.Source {
    let lines = lengths.enumerated().map { index, length in
      "{\"ids\": \(Array(repeating: index + firstID, count: length)), \"prompt_length\": 1}"
    }
    return DataOptions.Source(path: try folder.write(lines.joined(separator: "\n"), to: name))
  }

  func set(_ options: DataOptions, batchSize: Int = 4, seed: UInt64 = 42, positions: Int? = nil) throws -> TrainingSet {
    try TrainingSet(options, batchSize: batchSize, seed: seed, tokenizer: nil, maximumPositions: positions)
  }

  func firstIDs(_ set: TrainingSet, epoch: Int) throws -> [Int32] {
    try (0..<set.stepsPerEpoch).flatMap { try set.examples(epoch: epoch, step: $0) }.compactMap(\.ids.first)
  }

  @Test func asReadWithoutShuffling() throws {
    var options = DataOptions(train: [try rows("a", lengths: Array(repeating: 3, count: 10))])
    options.shuffle = false
    let set = try set(options)
    #expect(set.stepsPerEpoch == 3)
    #expect(try set.examples(epoch: 0, step: 2).count == 2)
    for epoch in 0..<2 { #expect(try firstIDs(set, epoch: epoch) == Array(0..<10)) }
    #expect(try set.examples(step: 5) == set.examples(epoch: 1, step: 2))
  }

  @Test func shuffledAnewEachEpochAndTheSameForASeed() throws {
    let options = DataOptions(train: [try rows("a", lengths: Array(repeating: 3, count: 50))])
    let (a, b) = (try set(options), try set(options))
    var orders: [[Int32]] = []
    for epoch in [3, 0, 1, 0] {
      let order = try firstIDs(a, epoch: epoch)
      #expect(order.sorted() == Array(0..<50))
      orders.append(order)
    }
    #expect(orders[1] == orders[3])
    #expect(Set(orders).count == 3)
    // A resumed run begins anywhere.
    #expect(try b.examples(epoch: 3, step: 7) == a.examples(epoch: 3, step: 7))
    #expect(try firstIDs(set(options, seed: 43), epoch: 0) != orders[1])
  }

  /// Changing these numbers changes every run that people have recorded.
  @Test func theOrderOfASeedIsFixed() throws {
    let options = DataOptions(train: [try rows("a", lengths: Array(repeating: 2, count: 12))])
    let order = try firstIDs(set(options), epoch: 0)
    #expect(order == Self.orderOfSeed42)
  }

  static let orderOfSeed42: [Int32] = [6, 5, 11, 1, 3, 7, 9, 4, 10, 8, 0, 2]

  @Test func weightsAreCopiesPerEpoch() throws {
    var twoAndAHalf = try rows("a", lengths: Array(repeating: 2, count: 10))
    twoAndAHalf.weight = 2.5
    var third = try rows("b", lengths: Array(repeating: 2, count: 9), firstID: 100)
    third.weight = 1.0 / 3
    let set = try set(DataOptions(train: [twoAndAHalf, third]))
    #expect(set.rowsPerEpoch == 28)
    var drawn: [Int32: Int] = [:]
    for epoch in 0..<6 {
      let ids = try firstIDs(set, epoch: epoch)
      #expect(ids.count == 28)
      for id in ids { drawn[id, default: 0] += 1 }
    }
    // Fractions take their turns: after two epochs every row of the first file came five times.
    #expect((0..<10).allSatisfy { drawn[$0] == 15 })
    #expect((100..<109).allSatisfy { drawn[$0] == 2 })
  }

  @Test func validationIsCutBeforeShuffling() throws {
    var options = DataOptions(train: [try rows("a", lengths: Array(repeating: 2, count: 40))])
    options.validation = .fraction(0.1)
    let first = try set(options)
    let held = try first.validationExamples().compactMap(\.ids.first)
    #expect(held.count == 4)
    #expect(held == held.sorted())
    #expect(try firstIDs(first, epoch: 0).sorted() == (0..<40).filter { !held.contains($0) })
    #expect(try firstIDs(first, epoch: 1).sorted() == (0..<40).filter { !held.contains($0) })
    options.shuffle = false
    #expect(try set(options).validationExamples().compactMap(\.ids.first) == held)
    options.validation = .count(7)
    #expect(try set(options).validationExamples().count == 7)
    options.validation = .count(40)
    let error = #expect(throws: DataError.self) { try set(options) }
    #expect(error?.description == "data.validation takes 40 rows, but there are only 40: none is left to train on.")
  }

  @Test func validationFromAFile() throws {
    var options = DataOptions(train: [try rows("a", lengths: [2, 2])])
    options.validation = .path(try rows("v", lengths: [2, 2, 2], firstID: 50).path)
    let set = try set(options)
    #expect(set.rowsPerEpoch == 2)
    let examples = try set.validationExamples()
    #expect(examples.compactMap(\.ids.first) == [50, 51, 52])
    #expect(set.name(of: examples[2].origin) == "\(folder.path)/v, row 3")
    #expect(set.validationFacts.tokens == 6)
  }

  @Test func truncatedRowsAreCounted() throws {
    var options = DataOptions(train: [try rows("a", lengths: [3, 9, 5, 1])])
    options.maximumLength = 5
    let set = try set(options)
    set.waitUntilEncoded()
    let examples = try set.examples(epoch: 0, step: 0)
    #expect(examples.map(\.ids.count).sorted() == [1, 3, 5, 5])
    #expect(set.facts.truncatedRows == 1)
    #expect(set.facts.tokensCut == 4)
    #expect(set.facts.rowsWithNothingToLearn == 1)
    #expect(set.facts.tokens == 14)
    #expect(set.facts.supervisedTokens == 10)
    #expect(set.facts.longestRow == 5)
  }

  @Test func droppedRowsAreCounted() throws {
    var options = DataOptions(train: [try rows("a", lengths: [3, 9, 5, 6, 2, 2])])
    options.maximumLength = 5
    options.tooLong = .drop
    let set = try set(options, batchSize: 2)
    #expect(set.rowsPerEpoch == 4)
    #expect(set.stepsPerEpoch == 2)
    #expect(set.facts.droppedRows == 2)
    #expect(set.facts.rowsEncoded == 4)
    #expect(try firstIDs(set, epoch: 0).sorted() == [0, 2, 4, 5])
    options.maximumLength = 1
    let error = #expect(throws: DataError.self) { try self.set(options) }
    #expect(error?.description == "\(folder.path)/a: no row is left to train on. 6 rows are longer than data.max_length and were dropped.")
  }

  @Test func tooLongIsAnError() throws {
    var options = DataOptions(train: [try rows("a", lengths: [3, 9, 5, 6])])
    options.maximumLength = 5
    options.tooLong = .error
    let error = #expect(throws: DataError.self) { try set(options) }
    #expect(
      error?.description
        == "\(folder.path)/a: row 2 has 9 tokens, but data.max_length is 5 and data.too_long is 'error'. 1 further row is too long.")
  }

  @Test func rowsBeyondTheModelsPositions() throws {
    let options = DataOptions(train: [try rows("a", lengths: [3, 9])])
    let error = #expect(throws: DataError.self) { try set(options, positions: 8) }
    #expect(
      error?.description == "\(folder.path)/a: row 2 has 9 tokens, but the model has 8 positions. Set data.max_length to at most that.")
    #expect(try set(options, positions: 9).rowsPerEpoch == 2)
  }

  @Test func trainingOnPrompts() throws {
    var options = DataOptions(train: [DataOptions.Source(path: try folder.write(#"{"ids": [1, 2, 3, 4], "prompt_length": 3}"#, to: "p"))])
    #expect(try set(options).examples(step: 0)[0].supervised == [3..<4])
    options.trainOnPrompt = true
    #expect(try set(options).examples(step: 0)[0].supervised == [1..<4])
  }

  @Test func textRowsWithTheirTemplates() throws {
    let model = TinySentencePiece()
    let tokenizer = try SentencePieceTokenizer(bytes: model.bytes)
    let row = #"{"instruction": "the", "output": "and"}"#
    var options = DataOptions(train: [
      .init(path: try folder.write(row, to: "a"), template: "alpaca"),
      .init(path: try folder.write(row, to: "b"), template: "chinese-alpaca"),
    ])
    options.shuffle = false
    let set = try TrainingSet(options, batchSize: 2, seed: 1, tokenizer: tokenizer)
    #expect(set.templates.map { $0?.name } == ["alpaca", "chinese-alpaca"])
    let examples = try set.examples(step: 0)
    for (example, name) in zip(examples, ["alpaca", "chinese-alpaca"]) {
      let encoded = try PromptEncoder(PromptTemplate.named(name), tokenizer).encodeExample(instruction: "the", output: "and")
      #expect(example.ids == encoded.ids)
      #expect(example.supervised == [encoded.supervised])
    }
    let small = #expect(throws: DataError.self) {
      try TrainingSet(options, batchSize: 2, seed: 1, tokenizer: tokenizer, vocabularySize: 300).examples(step: 0)
    }
    #expect(small?.description.contains("outside the model's vocabulary of 300") == true)
  }
}
