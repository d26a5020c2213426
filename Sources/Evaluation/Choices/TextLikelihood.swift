/// How likely whole texts are.
enum TextLikelihood {
  static let perplexity = BuiltInTask(name: "perplexity", summary: "perplexity of texts of your own, per token, word and byte") {
    asked, subject, options in try open("perplexity", 1, asked, subject, options, pages: { [$0] }, asAsked: { $0 })
  }

  /// Pointer sentinel mixture models (Merity et al., arXiv 1609.07843): the text is put together again as it was before it was cut into
  /// words, while words and bytes are counted in the file.
  static let wikiText = BuiltInTask(name: "wikitext", summary: "perplexity of WikiText's pages, per token, word and byte") {
    asked, subject, options in
    try open("wikitext", 2, asked, subject, options, pages: WikiText.pages, asAsked: WikiText.detokenized)
  }

  private static let expected = "'text' or 'page'; any other text file is taken whole"

  private static func open(
    _ name: String, _ version: Int, _ asked: String, _ subject: String?, _ options: TaskOptions, pages: (String) -> [String],
    asAsked: (String) -> String
  ) throws -> EvaluationTask {
    if let subject { throw EvaluationError.task(name: asked, reason: "\(name) has no subjects, so that there is no '\(subject)'.") }
    if options.fewShot ?? 0 > 0 || options.shots != nil {
      throw EvaluationError.task(name: name, reason: "has no worked examples: leave out --few-shot and --shots.")
    }
    let folder = try PublishedFiles.folder(name, options, expected)
    var notes: [String] = []
    let tables = folder.tables.filter { table in
      guard case .unreadable(let reason) = table.form else { return true }
      notes.append("\(table.path) is left out: \(reason).")
      return false
    }
    guard !tables.isEmpty else { throw PublishedFiles.nothing(for: name, in: folder, expected) }
    var texts: [String] = []
    for table in tables where texts.count < options.limit ?? .max { texts += try self.texts(of: table, pages: pages) }
    texts = Array(texts.prefix(options.limit ?? texts.count))
    let samples = texts.enumerated().map { id, text in Sample(id: id, request: .text(asAsked(text)), target: .none) }
    guard !samples.isEmpty else { throw EvaluationError.task(name: name, reason: "\(folder.path) holds no text.") }
    return EvaluationTask(
      name: name, version: version, fewShot: 0, samples: samples, scorer: PerplexityScorer(texts.map(PerplexityScorer.Size.init)),
      notes: notes)
  }

  /// A text per row of JSON, or the pages of a text file.
  private static func texts(of table: DataTable, pages: (String) -> [String]) throws -> [String] {
    switch table.form {
    case .jsonArray, .jsonLines, .jsonDocument:
      return try table.rows().map { row in
        guard let text = row["text"] ?? row["page"] else {
          throw row.bad("there is no 'text' or 'page'. The row has \(DataRow.listed(row.names)).")
        }
        guard let text = text.string else { throw row.bad("the text is \(text.kind).") }
        return text
      }
    default:
      let text = try table.text()
      return text.isEmpty ? [] : pages(text)
    }
  }
}
