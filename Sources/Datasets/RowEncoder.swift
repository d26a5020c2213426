import Tokenizers

/// Files and what turns their rows into masked sequences: a pure function of a row's index over all files.
struct RowEncoder: Sendable {
  struct Encoded: Sendable {
    let sequence: MaskedSequence
    /// Tokens that did not fit.
    let cutCount: Int
    var fullCount: Int { sequence.ids.count + cutCount }
  }

  struct File: Sendable {
    let rows: RowFile
    /// Nil for token rows.
    let encoder: PromptEncoder?
    /// Index of its first row.
    let start: Int
  }

  let files: [File]
  let maximumLength: Int
  let trainsOnPrompt: Bool
  let vocabularySize: Int?

  func origin(_ index: Int) -> MaskedSequence.Origin {
    let source = files.lastIndex { $0.start <= index } ?? 0
    return MaskedSequence.Origin(source: source, row: index - files[source].start + 1)
  }

  /// - Throws: `DataError` naming the row.
  func encode(_ index: Int) throws -> Encoded {
    let origin = origin(index)
    let file = files[origin.source]
    switch file.rows.rows {
    case .tokens(let rows): return sequence(file.rows.ids, rows[origin.row - 1], origin)
    case .texts(let rows): return try sequence(file, rows[origin.row - 1], origin)
    }
  }

  private func sequence(_ ids: [Int32], _ row: RowFile.TokenRow, _ origin: MaskedSequence.Origin) -> Encoded {
    let kept = Array(ids[row.ids].prefix(maximumLength))
    let start = trainsOnPrompt ? 1 : max(row.promptLength, 1)
    let supervised = start < kept.count ? [start..<kept.count] : []
    return Encoded(
      sequence: MaskedSequence(ids: kept, supervised: supervised, origin: origin), cutCount: row.ids.count - kept.count)
  }

  private func sequence(_ file: File, _ row: RowFile.TextRow, _ origin: MaskedSequence.Origin) throws -> Encoded {
    guard let encoder = file.encoder else { throw DataError.noTokenizer(path: file.rows.path) }
    let example: EncodedExample
    do {
      example = try encoder.encodeExample(
        instruction: file.rows.utf8(row.instruction), input: file.rows.utf8(row.input), output: file.rows.utf8(row.output),
        maximumLength: maximumLength, trainsOnPrompt: trainsOnPrompt)
    } catch {
      throw DataError.badRow(path: file.rows.path, row: origin.row, problem: "cannot be encoded: \(error)")
    }
    if let vocabularySize, let id = example.ids.first(where: { $0 >= vocabularySize }) {
      throw DataError.badRow(
        path: file.rows.path, row: origin.row,
        problem: "has the token \(id), outside the model's vocabulary of \(vocabularySize). Is this the base's own tokenizer?")
    }
    let supervised = example.supervised.isEmpty ? [] : [example.supervised]
    return Encoded(
      sequence: MaskedSequence(ids: example.ids, supervised: supervised, origin: origin), cutCount: example.cutCount)
  }
}
