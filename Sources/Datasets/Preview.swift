import Tokenizers

/// Rows as the model will see them, for people: every token with its id, position and whether it is learnt, and which beginnings are
/// computed once for several rows.
public struct Preview {
  /// Nil: ids are shown without their pieces.
  private let tokenizer: (any Tokenizer)?
  private let coloured: Bool
  /// Rows that share a beginning are listed up to this many.
  private let listedRows = 6

  public init(tokenizer: (any Tokenizer)?, coloured: Bool = false) {
    self.tokenizer = tokenizer
    self.coloured = coloured
  }

  /// Renders the rows of a step.
  ///
  /// - Parameters:
  ///   - sequences: in the order of the step.
  ///   - packed: what `BatchPacker` made of them, for the shared beginnings; may be empty.
  ///   - count: only so many rows are rendered; others are named where they share. A block of text is one row, with a part for each of its
  ///     documents.
  ///   - name: `datasets/alpaca.json, row 317`.
  public func text(
    of sequences: [MaskedSequence], packed: [PackedSequences], count: Int? = nil, name: (MaskedSequence.Origin) -> String
  ) -> String {
    let shares = sharing(sequences, packed)
    var lines: [String] = []
    let parts = Preview.parts(sequences)
    let rowCount = parts.count { $0.number == 1 }
    let shown = parts.indices.filter { parts[$0].number == 1 }.dropFirst(count ?? rowCount).first ?? sequences.count
    for (index, sequence) in sequences[..<shown].enumerated() {
      if index > 0 { lines.append("") }
      let learnt = sequence.supervisedCount
      let cost = learnt == 0 ? "nothing to learn" : "\(learnt) learnt"
      let part = parts[index].count > 1 ? ", part \(parts[index].number) of \(parts[index].count)" : ""
      lines.append(styled("\(name(sequence.origin))\(part): \(sequence.ids.count) tokens, \(cost)", "1"))
      for share in shares[index] {
        let rows = share.with.prefix(listedRows).map { "\(sequences[$0].origin.row)" }.joined(separator: ", ")
        let rest = share.with.count > listedRows ? " and \(share.with.count - listedRows) more" : ""
        let tokens = "tokens \(share.tokens.lowerBound)-\(share.tokens.upperBound - 1)"
        lines.append("  \(tokens) are shared with row\(share.with.count == 1 ? "" : "s") \(rows)\(rest)")
      }
      lines.append("  position       id  learnt  shared  piece")
      lines += tokenLines(sequence, shares[index])
    }
    if !packed.isEmpty {
      let asked = packed.reduce(0) { $0 + $1.tokenCount }
      let computed = packed.reduce(0) { $0 + $1.batch.rowCount }
      let batches = "\(packed.count) micro-batch\(packed.count == 1 ? "" : "es")"
      lines += ["", "\(rowCount) row\(rowCount == 1 ? "" : "s") in \(batches): \(asked) tokens, \(computed) computed after sharing"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Which part of its row each sequence is; neighbours of one block belong together.
  private static func parts(_ sequences: [MaskedSequence]) -> [(number: Int, count: Int)] {
    var parts: [(number: Int, count: Int)] = []
    var start = 0
    while start < sequences.count {
      var end = start + 1
      while end < sequences.count, sequences[end].origin.part == end - start + 1 { end += 1 }
      parts += (1...end - start).map { ($0, end - start) }
      start = end
    }
    return parts
  }

  private func tokenLines(_ sequence: MaskedSequence, _ shares: [Share]) -> [String] {
    var isLearnt = [Bool](repeating: false, count: sequence.ids.count)
    for range in sequence.supervised { for index in range { isLearnt[index] = true } }
    return sequence.ids.enumerated().map { index, id in
      let share = shares.first { $0.tokens.contains(index) }
      let columns = [
        padded("\(index)", 10), padded("\(id)", 9), padded(isLearnt[index] ? "yes" : ".", 8),
        padded(share.map { "\($0.with.count + 1)x" } ?? ".", 8), "  " + piece(id),
      ]
      return styled(columns.joined(), isLearnt[index] ? "32" : "2")
    }
  }

  private func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

  /// Control characters would move the cursor.
  private func piece(_ id: Int32) -> String {
    guard let tokenizer else { return "" }
    guard let piece = try? tokenizer.piece(id) else { return "(outside the tokenizer's vocabulary)" }
    return piece.unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }.joined()
  }

  private func styled(_ text: String, _ code: String) -> String { coloured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }

  // MARK: - Sharing

  private struct Share {
    var tokens: Range<Int>
    /// Indices of the other sequences.
    let with: [Int]
  }

  /// For each sequence, the runs of its tokens whose rows belong to others too.
  private func sharing(_ sequences: [MaskedSequence], _ packed: [PackedSequences]) -> [[Share]] {
    var shares = [[Share]](repeating: [], count: sequences.count)
    for part in packed {
      var users = [[Int]](repeating: [], count: part.batch.rowCount)
      for (sequence, rows) in zip(part.sequences, part.rows) {
        for row in rows { users[row].append(sequence) }
      }
      for (sequence, rows) in zip(part.sequences, part.rows) {
        for (token, row) in rows.enumerated() where users[row].count > 1 {
          let others = users[row].filter { $0 != sequence }.sorted()
          if let last = shares[sequence].last, last.with == others, last.tokens.upperBound == token {
            shares[sequence][shares[sequence].count - 1].tokens = last.tokens.lowerBound..<token + 1
          } else {
            shares[sequence].append(Share(tokens: token..<token + 1, with: others))
          }
        }
      }
    }
    return shares
  }
}
