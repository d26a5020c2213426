import Tokenizers

/// Files and what turns their rows into masked sequences: a pure function of a row's index over all files.
struct RowEncoder: Sendable {
  struct Encoded: Sendable {
    /// One, except for blocks of text, which have one for each document.
    let sequences: [MaskedSequence]
    /// Tokens that did not fit.
    let cutCount: Int
    var tokenCount: Int { sequences.reduce(0) { $0 + $1.ids.count } }
  }

  struct File: Sendable {
    enum Contents: Sendable {
      /// The encoder is nil for token rows.
      case rows(RowFile, PromptEncoder?)
      case blocks(TextBlocks)
    }

    let contents: Contents
    /// Index of its first row.
    let start: Int
    /// Of what its rows say, or its documents, if it is text.
    let hashes: [Int]

    var path: String {
      switch contents {
      case .rows(let rows, _): rows.path
      case .blocks(let blocks): blocks.path
      }
    }

    var count: Int {
      switch contents {
      case .rows(let rows, _): rows.count
      case .blocks(let blocks): blocks.count
      }
    }

    var facts: DataFacts {
      switch contents {
      case .rows(let rows, _): rows.facts
      case .blocks(let blocks): blocks.facts
      }
    }

    var format: DataOptions.Format { if case .rows(let rows, _) = contents { rows.format } else { .text } }
    var encoder: PromptEncoder? { if case .rows(_, let encoder) = contents { encoder } else { nil } }
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
    switch files[origin.source].contents {
    case .blocks(let blocks): return Encoded(sequences: try blocks.sequences(origin.row - 1, origin), cutCount: 0)
    case .rows(let rows, let encoder):
      let content = try rows.content(origin.row - 1)
      if case .tokens(let ids, let promptLength) = content { return sequence(ids, promptLength, origin) }
      guard let encoder else { throw DataError.noTokenizer(path: rows.path) }
      return try sequence(content, encoder, rows.path, origin)
    }
  }

  private func sequence(_ ids: [Int32], _ promptLength: Int, _ origin: MaskedSequence.Origin) -> Encoded {
    let kept = Array(ids.prefix(maximumLength))
    let start = trainsOnPrompt ? 1 : max(promptLength, 1)
    let supervised = start < kept.count ? [start..<kept.count] : []
    return Encoded(
      sequences: [MaskedSequence(ids: kept, supervised: supervised, origin: origin)], cutCount: ids.count - kept.count)
  }

  private func sequence(
    _ content: RowContent, _ encoder: PromptEncoder, _ path: String, _ origin: MaskedSequence.Origin
  ) throws -> Encoded {
    let encoded: EncodedConversation
    do {
      switch content {
      case .conversation(let conversation):
        encoded = try encoder.encodeExample(
          conversation: conversation, maximumLength: maximumLength, trainsOnPrompt: trainsOnPrompt)
      case .instruction(let instruction, let input, let output):
        let example = try encoder.encodeExample(
          instruction: instruction, input: input, output: output, maximumLength: maximumLength, trainsOnPrompt: trainsOnPrompt)
        encoded = EncodedConversation(
          ids: example.ids, supervised: example.supervised.isEmpty ? [] : [example.supervised], cutCount: example.cutCount)
      case .document, .tokens: preconditionFailure("rows that no template writes")
      }
    } catch {
      throw DataError.badRow(path: path, row: origin.row, problem: "cannot be encoded: \(error)")
    }
    if let vocabularySize, let id = encoded.ids.first(where: { $0 >= vocabularySize }) {
      throw DataError.outsideVocabulary(path: path, row: origin.row, id: id, vocabularySize: vocabularySize)
    }
    return Encoded(
      sequences: [MaskedSequence(ids: encoded.ids, supervised: encoded.supervised, origin: origin)], cutCount: encoded.cutCount)
  }
}
