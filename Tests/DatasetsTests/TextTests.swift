import Datasets
import TestSupport
import Testing
import Tokenizers

/// Text as blocks of a stream of documents.
struct TextTests {
  let folder: TemporaryFolder
  let model = TinySentencePiece()
  let tokenizer: SentencePieceTokenizer

  init() throws {
    folder = try TemporaryFolder()
    tokenizer = try SentencePieceTokenizer(bytes: model.bytes)
  }

  func open(
    _ path: String, length: Int, format: DataOptions.Format = .auto, limits: ReadingLimits = ReadingLimits()
  ) throws -> TrainingSet {
    var options = DataOptions(train: [.init(path: path, format: format)])
    options.shuffle = false
    options.maximumLength = length
    return try TrainingSet(options, batchSize: 3, seed: 1, tokenizer: tokenizer, limits: limits)
  }

  func sequences(_ set: TrainingSet) throws -> [MaskedSequence] { try (0..<set.stepsPerEpoch).flatMap { try set.examples(step: $0) } }

  /// The blocks of documents, made here one token at a time.
  func expected(_ documents: [String], length: Int) throws -> [[Int32]] {
    var parts: [[Int32]] = []
    var place = 0
    for document in documents where !document.isEmpty {
      for (index, id) in ([1] + (try tokenizer.encode(document)) + [2]).enumerated() {
        if index == 0 || place % length == 0 { parts.append([]) }
        parts[parts.count - 1].append(id)
        place += 1
      }
    }
    return parts
  }

  static let documents = ["the and on", "re", "", "in\nthe", "a longer document, which the blocks cut in several places"]

  static func lines(_ documents: [String]) -> String {
    documents.map { "{\"text\": \"\($0.replacing("\n", with: "\\n"))\"}" }.joined(separator: "\n")
  }

  @Test(arguments: [1, 2, 3, 7, 16, 1000])
  func nothingIsLostAtCuts(length: Int) throws {
    let set = try open(folder.write(Self.lines(Self.documents), to: "a.jsonl"), length: length)
    let sequences = try sequences(set)
    #expect(sequences.map(\.ids) == (try expected(Self.documents, length: length)))
    // Everything is learnt but what begins a sequence.
    for sequence in sequences { #expect(sequence.supervised == (sequence.ids.count > 1 ? [1..<sequence.ids.count] : [])) }
    // Blocks are full but for the last.
    let blocks = Dictionary(grouping: sequences, by: \.origin.row).sorted { $0.key < $1.key }.map { $0.value }
    #expect(blocks.map { $0.reduce(0) { $0 + $1.ids.count } }.dropLast().allSatisfy { $0 == length })
    #expect(blocks.allSatisfy { $0.map(\.origin.part) == Array(1...$0.count) })
    let tokens = try Self.documents.filter { !$0.isEmpty }.reduce(0) { try $0 + tokenizer.encode($1).count + 2 }
    #expect(sequences.reduce(0) { $0 + $1.ids.count } == tokens)
    #expect(set.rowsPerEpoch == (tokens + length - 1) / length && set.facts.rowsRead == set.rowsPerEpoch)
    #expect(set.facts.documents == 5 && set.facts.emptyDocuments == 1)
    #expect(set.name(of: sequences[0].origin) == "\(folder.path)/a.jsonl, block 1")
    #expect(set.sources.map(\.template) == [nil])
  }

  @Test func anArrayIsReadAsLinesAre() throws {
    let lines = try open(folder.write(Self.lines(Self.documents), to: "a.jsonl"), length: 7)
    let array = try open(
      folder.write("[\(Self.lines(Self.documents).replacing("\n", with: ",\n"))]", to: "a.json"), length: 7, format: .text)
    #expect(try sequences(lines) == sequences(array))
  }

  /// A long text in small pieces: cut wherever the tokenizer allows, and kept in a file.
  @Test func aPlainFileIsOneDocument() throws {
    let words = ["the", "and\n", "\n\n", " ", "on  the", "respond", "é", "\u{2581}x", "\u{1F999}", "é\u{2581} in", "longwordwithoutspaces"]
    let text = (0..<400).map { index -> String in
      let word = words[index * 7 % words.count]
      return index % 3 == 0 ? word + " " : word
    }.joined()
    for (name, contents) in [("a.txt", text), ("b.md", "\u{FEFF}" + text), ("c.txt", " " + text), ("d.text", "\n" + text + " ")] {
      let path = try folder.write(contents, to: name)
      let expected = try expected([contents.hasPrefix("\u{FEFF}") ? text : contents], length: 50)
      for pieceSize in [1, 2, 3, 17, 64, 1000, 1 << 20] {
        var limits = ReadingLimits()
        limits.pieceSize = pieceSize
        limits.textTokensInMemory = pieceSize == 64 ? 10 : 1 << 20
        let set = try open(path, length: 50, limits: limits)
        #expect(try sequences(set).map(\.ids) == expected, "\(name), \(pieceSize)")
        #expect(set.facts.documents == 1)
      }
    }
  }

  @Test func howFilesAreKnown() throws {
    let row = Self.lines(["the"])
    func documents(_ text: String, _ name: String, _ format: DataOptions.Format) throws -> [[Int32]] {
      try sequences(open(folder.write(text, to: name), length: 500, format: format)).map(\.ids)
    }
    #expect(try documents(row, "a.jsonl", .text) == expected(["the"], length: 500))
    #expect(try documents(row, "a", .auto) == expected(["the"], length: 500))
    #expect(try documents(row, "a", .text) == expected(["the"], length: 500))
    #expect(try documents(row, "a.txt", .auto) == expected(["the"], length: 500))
    #expect(try documents(row, "a.txt", .text) == expected([row], length: 500))
    #expect(try documents("the", "a", .text) == expected(["the"], length: 500))
    let unknown = #expect(throws: DataError.self) { try documents("xyz", "a", .auto) }
    #expect(unknown?.description.contains("not JSON") == true)
  }

  @Test func mistakes() throws {
    func message(_ bytes: [UInt8], _ name: String, _ format: DataOptions.Format = .auto) throws -> String? {
      let path = try folder.write(bytes, to: name)
      return #expect(throws: DataError.self) { try open(path, length: 8, format: format) }?.description
        .replacing(folder.path + "/", with: "")
    }
    #expect(try message([], "a.txt") == "a.txt: the file holds no text.")
    #expect(try message(Array(#"{"text": ""}"#.utf8), "a.json") == "a.json: the file holds no text.")
    #expect(try message(Array("ab cd e".utf8) + [0xC3, 0x28], "a.txt") == "a.txt: not valid UTF-8 (byte 7). Convert the file to UTF-8.")
    #expect(
      try message(Array(#"{"text": 1}"#.utf8), "a.json", .text) == "a.json: row 1 has a number as 'text'; expected a string.")
    #expect(
      try message(Array(#"{"a": 1, "ids": 2}"#.utf8), "a.json", .text) == "a.json: row 1 has no 'text'. Expected objects with 'text'.")
    let path = try folder.write("the", to: "a.txt")
    let none = #expect(throws: DataError.self) {
      try TrainingSet(DataOptions(train: [.init(path: path)]), batchSize: 1, seed: 1, tokenizer: nil)
    }
    #expect(none?.description.contains("need a tokenizer") == true)
    let small = #expect(throws: DataError.self) {
      try TrainingSet(DataOptions(train: [.init(path: path)]), batchSize: 1, seed: 1, tokenizer: tokenizer, vocabularySize: 100)
    }
    #expect(small?.description.contains("outside the model's vocabulary of 100") == true)
  }

  /// The place of a bad byte is that of the file, whatever part it is in.
  @Test(arguments: [1, 5, 40, 1 << 20]) func invalidUTF8FarInside(pieceSize: Int) throws {
    var limits = ReadingLimits()
    limits.pieceSize = pieceSize
    for start in [[], [0xEF, 0xBB, 0xBF]] as [[UInt8]] {
      let text = start + Array(String(repeating: "the on\n", count: 20).utf8)
      let path = try folder.write(text + [0xFF] + Array(" the end".utf8), to: "bad.txt")
      let error = #expect(throws: DataError.self) { try open(path, length: 8, limits: limits) }
      #expect(error == .notText(path: path, offset: text.count))
    }
  }

  @Test func blocksAreHeldOutBySeed() throws {
    var options = DataOptions(train: [.init(path: try folder.write(Self.lines(Self.documents), to: "a.jsonl"))])
    options.maximumLength = 5
    options.validation = .count(3)
    let set = try TrainingSet(options, batchSize: 2, seed: 3, tokenizer: tokenizer)
    let held = Set(try set.validationExamples().map(\.origin.row))
    #expect(held.count == 3)
    let trained = Set(try sequences(set).map(\.origin.row))
    #expect(trained.isDisjoint(with: held) && trained.count + held.count == set.facts.rowsRead)
  }

  @Test func previewShowsBlocksWithTheirDocuments() throws {
    let set = try open(folder.write(Self.lines(["the", "on", "and the and the and"]), to: "a.jsonl"), length: 7)
    let sequences = try set.examples(step: 0)
    let text = Preview(tokenizer: tokenizer).text(of: sequences, packed: BatchPacker(rowLimit: 100).pack(sequences), count: 1) {
      set.name(of: $0).replacing(folder.path + "/", with: "")
    }
    let titles = text.split(separator: "\n").filter { $0.hasPrefix("a.jsonl") || $0.contains("rows in") }
    #expect(
      titles == [
        "a.jsonl, block 1, part 1 of 2: 3 tokens, 2 learnt", "a.jsonl, block 1, part 2 of 2: 4 tokens, 3 learnt",
        "2 rows in 1 micro-batch: 14 tokens, 12 computed after sharing",
      ], "\(text)")
  }
}
