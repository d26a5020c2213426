import ArgumentParser
import JSON
import Recipes
import Vocabularies

struct TokenizerMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Append to a SentencePiece model every piece of others that it lacks, and special tokens.",
    discussion: """
      Example: puna tokenizer merge --base llama/tokenizer.model --add zh.model --special '[PAD]' --output merged.model --sample zh.txt
      Ids of the base stay as they are. Pieces follow in the order of their models, with score 0, as Chinese-LLaMA-Alpaca's \
      merge_tokenizers.py appends them; from its files comes its tokenizer, byte for byte. Then come the special tokens. A network for \
      the result needs as many rows in its embedding and head as it has pieces.
      """)

  @Option(help: "The SentencePiece model to extend, or 'starter'; it is not changed.") var base: String
  @Option(help: "A SentencePiece model whose pieces are appended. May be given several times.") var add: [String] = []
  @Option(help: "A special token to append, such as [PAD]. May be given several times.") var special: [String] = []
  @Option(
    help: """
      What special tokens are: normal (as Chinese-Alpaca's [PAD]), control (no text becomes it), user-defined (its name in a text becomes it).
      """)
  var specialKind = VocabularyMerge.SpecialKind.normal
  @Option(help: "File to make.") var output: String
  @Option(help: "Text to measure on, before and after: tokens per character, round trip.") var sample: String?
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    if add.isEmpty, special.isEmpty { throw ValidationError("Give --add, a model to append, or --special, a token.") }
    if output.isEmpty { throw ValidationError("--output is empty; expected the name of a file.") }
    if special.isEmpty, specialKind != .normal { throw ValidationError("--special-kind has no effect without --special.") }
  }

  func run() throws {
    let file = try NewFile(output, inputs: (base == Recipe.starter ? [] : [base]) + add)
    let sample = try sample.map { try SampleText(path: $0) }
    let merge = try VocabularyMerge(
      base: base == Recipe.starter ? BaseLocation.starterTokenizer : SentencePieceModel(path: base),
      adding: add.map { try SentencePieceModel(path: $0) }, specials: special, kind: specialKind,
      name: output)
    for text in merge.notes { note(text) }
    let measures = try sample.map { [("before", try $0.measure(merge.base.tokenizer)), ("after", try $0.measure(merge.result.tokenizer))] }
    try file.write(merge.result.bytes)

    var report = VocabularyReport(merge.result, notes: merge.notes)
    report.row("base", base, VocabularyReport.words(merge.base))
    for addition in merge.additions { report.row("added", addition.path, words(addition)) }
    for special in merge.specials { report.row("special", special.token, "id \(Terminal.grouped(special.id)), \(specialKind.rawValue)") }
    if let sample, let measures { report.add(sample, measures) }
    report.members["base"] = .object(["file": .string(base), "pieces": .integer(merge.base.pieceCount), "type": .string(merge.base.type)])
    report.members["added"] = .array(merge.additions.map(json))
    report.members["special"] = .array(
      merge.specials.map { .object(["token": .string($0.token), "id": .integer($0.id), "kind": .string(specialKind.rawValue)]) })
    report.finish(in: nil)
    print(json ? report.json.text : report.text, terminator: "")
  }

  private func words(_ addition: VocabularyMerge.Addition) -> String {
    var text = "\(Terminal.grouped(addition.addedCount)) of \(Terminal.grouped(addition.pieceCount)) pieces"
    if addition.presentCount > 0 { text += "; \(Terminal.grouped(addition.presentCount)) were there" }
    if addition.leftOutCount > 0 { text += "; \(Terminal.grouped(addition.leftOutCount)) left out" }
    return text
  }

  private func json(_ addition: VocabularyMerge.Addition) -> JSONValue {
    .object([
      "file": .string(addition.path), "pieces": .integer(addition.pieceCount), "added": .integer(addition.addedCount),
      "present": .integer(addition.presentCount), "left_out": .integer(addition.leftOutCount), "unmade": .integer(addition.unmadeCount),
    ])
  }
}

extension VocabularyMerge.SpecialKind: ExpressibleByArgument {}
