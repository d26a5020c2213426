import Checkpoints
import TestSupport
import Testing
import Tokenizers
import Vocabularies

/// Models trained on small texts that the tests make.
@Suite(.serialized) struct TrainingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Words of one or two syllables out of a hundred, some with é; the same for the same seed.
  static func lines(_ count: Int, seed: UInt64 = 1, words: Int = 12) -> [String] {
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    func syllable() -> String {
      ["b", "d", "f", "k", "l", "m", "n", "r", "s", "t"][next(10)] + ["a", "e", "i", "o", "u", "é", "an", "en", "ir", "os"][next(10)]
    }
    return (0..<count).map { _ in (0..<words).map { _ in next(3) == 0 ? syllable() : syllable() + syllable() }.joined(separator: " ") }
  }

  static let text = lines(200).joined(separator: "\n") + "\n"

  func options(_ size: Int, _ type: VocabularyTrainingOptions.ModelType = .bpe) -> VocabularyTrainingOptions {
    var options = VocabularyTrainingOptions(size: size)
    options.type = type
    options.characterCoverage = 1
    return options
  }

  func train(_ texts: [String], _ options: VocabularyTrainingOptions) throws -> SentencePieceModel {
    let paths = try texts.enumerated().map { try folder.write($1, to: "\($0).txt") }
    return try VocabularyTrainer(inputs: paths, options: options).train(name: "new.model")
  }

  @Test(arguments: VocabularyTrainingOptions.ModelType.allCases)
  func theResultIsAsAskedAndTheSameEveryTime(type: VocabularyTrainingOptions.ModelType) throws {
    let model = try train([TrainingTests.text], options(400, type))
    #expect(model.pieceCount == 400)
    #expect(model.type == type.rawValue)
    #expect(model.hasByteFallback)
    let tokenizer = model.tokenizer
    #expect(tokenizer.unknown == 0 && tokenizer.beginOfSequence == 1 && tokenizer.endOfSequence == 2 && tokenizer.padding == nil)
    #expect(try (3..<259).allSatisfy { try tokenizer.kind($0) == .byte })
    #expect(try train([TrainingTests.text], options(400, type)).bytes == model.bytes)
    // Nothing of the machine gets into the file.
    #expect(!String(decoding: model.bytes, as: UTF8.self).contains(folder.path))
    for text in [TrainingTests.text, "  two  spaces ", "你好\n12 1999\t\u{1F999}"] {
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }
    let measure = try SampleText(bytes: Array(TrainingTests.text.utf8), path: "text").measure(tokenizer)
    #expect(measure.tokenCount < TrainingTests.text.unicodeScalars.count * 2 / 3)
  }

  @Test func filesCountAsOneText() throws {
    let lines = TrainingTests.lines(200)
    let halves = [lines[..<90], lines[90...]].map { $0.joined(separator: "\n") }
    #expect(try train(halves, options(400)).bytes == train([lines.joined(separator: "\n")], options(400)).bytes)
  }

  @Test func lineEndsByteOrderMarksAndEmptyLinesAreNoText() throws {
    let expected = try train([TrainingTests.text], options(400)).bytes
    #expect(try train(["\u{FEFF}" + TrainingTests.text], options(400)).bytes == expected)
    #expect(try train([TrainingTests.lines(200).joined(separator: "\r\n")], options(400)).bytes == expected)
    #expect(try train(["\n \n\t\n" + TrainingTests.text + "\n\n"], options(400)).bytes == expected)
  }

  /// The library would leave out such lines altogether.
  @Test func longLinesAreCutAndNothingIsLost() throws {
    let expected = try train([TrainingTests.text], options(400)).bytes
    var cutting = options(400)
    cutting.longestSentence = 100
    let line = TrainingTests.lines(200).joined(separator: " ")
    let path = try folder.write(line, to: "long.txt")
    let trainer = try VocabularyTrainer(inputs: [path], options: cutting)
    #expect(trainer.notes.count == 1)
    #expect(try #require(trainer.notes.first).hasPrefix("1 of 1 lines are longer than 100 bytes (--max-sentence-length) and were cut"))
    let model = try trainer.train(name: "new.model")
    // Words are the same; the file holds the limit, in the settings after the pieces.
    #expect(try (0..<400).map { try model.tokenizer.piece($0) } == piecesOf(expected))
  }

  func piecesOf(_ bytes: [UInt8]) throws -> [String] {
    let model = try SentencePieceModel(bytes: bytes, path: "m")
    return try (0..<Int32(model.pieceCount)).map { try model.tokenizer.piece($0) }
  }

  @Test func aLineWithoutSpacesIsCutBetweenCharacters() throws {
    var options = VocabularyTrainingOptions(size: 270)
    options.longestSentence = 10
    options.characterCoverage = 1
    let model = try train([String(repeating: "早上你好", count: 40)], options)
    // Ten bytes hold three characters; a space goes before each part.
    let pieces = try piecesOf(model.bytes).dropFirst(259)
    #expect(pieces.allSatisfy { $0.count <= 4 && !$0.contains("\u{FFFD}") } && pieces.contains { $0.count == 3 })
    #expect(Set(pieces).isSuperset(of: ["早", "上", "你", "好"]))
  }

  @Test func linesWithTheReservedCharacterAreKept() throws {
    let path = try folder.write("ab ab ab\u{2585}cd cd cd\n\u{2585}\nef\u{2585}", to: "r.txt")
    let trainer = try VocabularyTrainer(inputs: [path], options: options(266))
    #expect(trainer.notes == ["3 lines have U+2585, which the trainer reserves; they were cut there."])
    #expect(Set("abcdef".map(String.init)).isSubset(of: try piecesOf(trainer.train(name: "n").bytes)))
  }

  @Test(arguments: VocabularyTrainingOptions.ModelType.allCases)
  func aSizeThatTheTextDoesNotGive(type: VocabularyTrainingOptions.ModelType) throws {
    let text = TrainingTests.lines(5, words: 4).joined(separator: "\n")
    var largest = 0
    #expect {
      try train([text], options(5_000, type))
    } throws: { error in
      guard case VocabularyError.sizeTooLarge(5_000, let possible) = error else { return false }
      largest = possible
      return "\(error)" == "--size 5,000 is more than this text gives: \(possible) pieces are possible. Lower --size or add text."
    }
    #expect(try train([text], options(largest, type)).pieceCount == largest)
    #expect(throws: VocabularyError.sizeTooLarge(size: largest + 1, largest: largest)) { try train([text], options(largest + 1, type)) }
  }

  @Test func aSizeWithoutRoomForTheCharacters() throws {
    // 100 characters, each as often as the others; two of them are not needed for 98 %.
    let text = String((0..<100).map { Character(UnicodeScalar(0x4E00 + $0) ?? "?") })
    var options = options(300)
    #expect(throws: VocabularyError.sizeTooSmall(size: 300, smallest: 360, smallestCovering: 358, options: options)) {
      try train([text], options)
    }
    let error = VocabularyError.sizeTooSmall(size: 300, smallest: 360, smallestCovering: 358, options: options)
    #expect(
      "\(error)" == "--size 300 is too small: the characters that make up 100 % of the text are 101, and with 259 special and byte pieces "
        + "they need 360. Raise --size to at least that, or lower --character-coverage (at 0.98 they need 358), or pass --no-byte-fallback "
        + "for a vocabulary that is merged into one with byte pieces.")
    options.size = 360
    #expect(try train([text], options).pieceCount == 360)
    options.size = 300
    options.hasByteFallback = false
    #expect(try train([text], options).pieceCount == 300)
  }

  @Test func inputThatIsNoText() throws {
    func error(_ inputs: [String]) throws -> String {
      do {
        _ = try VocabularyTrainer(inputs: inputs, options: options(300))
        return ""
      } catch { return "\(error)".replacing(folder.path + "/", with: "") }
    }
    let good = try folder.write("text\n", to: "good.txt")
    let bad = try folder.write(Array("one\ntwo\n\u{E9}".utf8) + [0xE9, 0x61, 0x0A], to: "bad.txt")
    let cut = try folder.write(Array("one\n".utf8) + [0xE4, 0xBD], to: "cut.txt")
    let blank = try folder.write(" \n\t\n", to: "blank.txt")
    let empty = try folder.write("", to: "empty.txt")
    #expect(try error([good, bad]) == "bad.txt:3: not valid UTF-8 (byte 10 of the file). Convert the file to UTF-8.")
    #expect(
      try error([cut]) == "cut.txt:2: the file ends inside a character (byte 4). It was cut short; copy it again, or cut it between lines.")
    #expect(try error([blank]) == "blank.txt: nothing but empty lines; there is no text to train on.")
    #expect(try error([good, empty]) == "empty.txt: is empty (0 bytes).")
    #expect(try error([folder.file("none.txt")]) == "none.txt: no such file.")
    #expect(try error([folder.path]).hasSuffix("is a folder; expected a file."))
    #expect(try error([]) == "There is no text to train on: give --input.")
  }

  /// The library ends the process here; it is one of its own.
  @Test func textOfWhichNormalizationLeavesNothing() throws {
    var options = options(300, .unigram)
    options.normalization = .nmtNFKC
    options.hasByteFallback = false
    #expect {
      try train(["\u{3000}\n\u{3000}\n"], options)
    } throws: { error in
      guard case VocabularyError.library(let message) = error else { return false }
      return message == "nothing is left of the text after normalization (--normalization nmt_nfkc)"
    }
  }

  @Test func normalizationAndDigits() throws {
    var options = options(330)
    let text = TrainingTests.text + String(repeating: "1999 1999 ＡＢ\n", count: 30)
    let identity = try piecesOf(train([text], options).bytes)
    #expect(identity.contains("Ａ") && !identity.contains("99"))
    options.splitsDigits = false
    #expect(try piecesOf(train([text], options).bytes).contains("▁1999"))
    options.normalization = .nmtNFKC
    let normalized = try train([text], options)
    #expect(try piecesOf(normalized.bytes).contains("A") && !piecesOf(normalized.bytes).contains("Ａ"))
    let measure = try SampleText(bytes: Array("la Ａ".utf8), path: "text").measure(normalized.tokenizer)
    #expect(measure.difference == SampleText.Difference(line: 1, column: 4, expected: "Ａ", found: "A"))
    // Characters of which the first byte is the same.
    let dotted = try SampleText(bytes: Array("la ẛ".utf8), path: "text").measure(normalized.tokenizer)
    #expect(dotted.difference == SampleText.Difference(line: 1, column: 4, expected: "ẛ", found: "ṡ"))
  }

  @Test func linesAreDrawnBySeed() throws {
    var drawing = options(300)
    drawing.sampleLineCount = 50
    let path = try folder.write(TrainingTests.text, to: "all.txt")
    let trainer = try VocabularyTrainer(inputs: [path], options: drawing)
    #expect(trainer.lineCount == 200 && trainer.takenLineCount == 50)
    let first = try trainer.train(name: "a").bytes
    #expect(try train([TrainingTests.text], drawing).bytes == first)
    drawing.seed = 43
    #expect(try train([TrainingTests.text], drawing).bytes != first)
    drawing.sampleLineCount = 1_000
    #expect(try VocabularyTrainer(inputs: [path], options: drawing).notes == ["--sample-lines 1,000 takes all 200 lines."])
  }

  struct Limit: Sendable {
    let message: String
    let change: @Sendable (inout VocabularyTrainingOptions) -> Void
  }

  @Test(arguments: [
    Limit(message: "size is 259; expected a whole number from 260: 3 special pieces, 256 bytes and characters.") { $0.size = 259 },
    Limit(message: "size is -1; expected a whole number from 260: 3 special pieces, 256 bytes and characters.") { $0.size = -1 },
    Limit(message: "character-coverage is 0.9; expected a number from 0.98 to 1.") { $0.characterCoverage = 0.9 },
    Limit(message: "character-coverage is nan; expected a number from 0.98 to 1.") { $0.characterCoverage = .nan },
    Limit(message: "max-piece-length is 0; expected a whole number from 1 to 512.") { $0.longestPiece = 0 },
    Limit(message: "max-sentence-length is 9; expected a whole number from 10 to 10000.") { $0.longestSentence = 9 },
    Limit(message: "max-sentence-length is 65536; expected a whole number from 10 to 10000.") { $0.longestSentence = 65_536 },
    Limit(message: "sample-lines is 0; expected a whole number from 1.") { $0.sampleLineCount = 0 },
  ])
  func optionsOutOfRange(limit: Limit) throws {
    var options = VocabularyTrainingOptions(size: 400)
    limit.change(&options)
    #expect {
      try options.check()
    } throws: { "\($0)" == "--" + limit.message }
  }

  /// Every limit that is allowed, the library takes.
  @Test func optionsAtTheirLimits() throws {
    for (coverage, piece, sentence) in [(0.98, 1, 10), (1, 512, 10_000)] {
      var options = options(320)
      options.characterCoverage = coverage
      options.longestPiece = piece
      options.longestSentence = sentence
      guard piece > 1 else {
        // Nothing is joined.
        #expect(throws: VocabularyError.self) { try train([TrainingTests.text], options) }
        continue
      }
      #expect(try train([TrainingTests.text], options).pieceCount == 320)
    }
  }

  @Test func aTrainedModelIsMergedAndUsed() throws {
    let base = TinySentencePiece()
    var options = VocabularyTrainingOptions(size: 300)
    options.characterCoverage = 1
    let model = try train([String(repeating: "早上 你好\n你好 早安\n", count: 30) + TrainingTests.text], options)
    let merge = try VocabularyMerge(base: SentencePieceModel(bytes: base.bytes, path: "base"), adding: [model])
    let sample = try SampleText(bytes: Array("你好 早上\nthe 你好".utf8), path: "sample")
    let (before, after) = (try sample.measure(merge.base.tokenizer), try sample.measure(merge.result.tokenizer))
    #expect(before.difference == nil && after.difference == nil)
    #expect(after.tokenCount < before.tokenCount)
  }
}
