import JSON

/// Turns the bytes of a file into rows.
struct RowParser {
  let path: String
  let bytes: UnsafeBufferPointer<UInt8>

  static let maximumRows = 20_000_000

  /// - Parameters:
  ///   - limit: stop after so many rows.
  ///   - isWhole: whether a row that ends with the bytes has ended.
  /// - Throws: `EvaluationError.file`.
  func rows(_ form: DataForm, limit: Int = RowParser.maximumRows, isWhole: Bool = true) throws -> [DataRow] {
    let rows =
      switch form {
      case .jsonArray: try json { scanner in try array(&scanner, limit) }
      case .jsonLines: try json { scanner in try lines(&scanner, limit) }
      case .jsonDocument(let key): try json { scanner in try document(&scanner, key) }
      case .csv: try delimited(",", limit, isWhole)
      case .tsv: try delimited("\t", limit, isWhole)
      case .csvWithoutHeader: try delimited(",", limit, isWhole, hasHeader: false)
      case .sixLines: try sixLines(limit)
      case .text: [DataRow(path: path, place: "line 1", members: [DataMember(key: "text", value: .string(try text()))])]
      case .unreadable(let reason): throw EvaluationError.file(path: path, place: nil, reason: reason + ".")
      }
    guard limit < RowParser.maximumRows || rows.count < limit else {
      throw EvaluationError.file(path: path, place: nil, reason: "more than \(RowParser.maximumRows) rows.")
    }
    return rows
  }

  // MARK: - JSON

  private struct Enough: Error {}

  private func json(_ body: (inout JSONScanner) throws -> [DataRow]) throws -> [DataRow] {
    do {
      var scanner = JSONScanner(bytes)
      return try body(&scanner)
    } catch let error as JSONError {
      throw EvaluationError.file(path: path, place: "line \(error.line), column \(error.column)", reason: "not JSON: \(error.message).")
    }
  }

  private func row(_ scanner: inout JSONScanner, _ place: String) throws -> DataRow {
    guard try scanner.kind() == .object else {
      throw EvaluationError.file(path: path, place: place, reason: "the row is \(try scanner.kind().rawValue). Expected an object.")
    }
    return DataRow(path: path, place: place, members: try scanner.dataValue().members ?? [])
  }

  private func array(_ scanner: inout JSONScanner, _ limit: Int) throws -> [DataRow] {
    var rows: [DataRow] = []
    do {
      try scanner.array { scanner in
        if rows.count == limit { throw Enough() }
        rows.append(try row(&scanner, "row \(rows.count + 1)"))
      }
      try scanner.end()
    } catch is Enough {
    } catch let error as JSONError where rows.count == limit && limit < RowParser.maximumRows {
      // Only the first rows were asked for; what follows may be cut.
      _ = error
    }
    return rows
  }

  private func lines(_ scanner: inout JSONScanner, _ limit: Int) throws -> [DataRow] {
    var rows: [DataRow] = []
    var line = 1
    var counted = 0
    while rows.count < limit {
      scanner.skipWhitespace()
      let breaks = bytes[counted..<scanner.offset].count { $0 == 0x0A }
      line += breaks
      counted = scanner.offset
      if scanner.isAtEnd { break }
      guard rows.isEmpty || breaks > 0 else { throw scanner.error("expected a new line after a row, found \(scanner.found)") }
      rows.append(try row(&scanner, "line \(line)"))
    }
    return rows
  }

  private func document(_ scanner: inout JSONScanner, _ key: String) throws -> [DataRow] {
    var rows: [DataRow] = []
    try scanner.uniqueMembers { scanner, name in
      if name == key { rows = try array(&scanner) } else { try scanner.skipValue() }
    }
    try scanner.end()
    return rows
  }

  private func array(_ scanner: inout JSONScanner) throws -> [DataRow] {
    var rows: [DataRow] = []
    try scanner.array { scanner in rows.append(try row(&scanner, "row \(rows.count + 1)")) }
    return rows
  }

  // MARK: - Tables

  private func delimited(_ separator: Unicode.Scalar, _ limit: Int, _ isWhole: Bool, hasHeader: Bool = true) throws -> [DataRow] {
    var records = DelimitedText(bytes, separator: separator)
    var rows: [DataRow] = []
    var names: [String] = []
    do {
      if hasHeader { names = try records.next()?.fields ?? [] }
      while rows.count < limit, let record = try records.next() {
        guard record.isEnded || isWhole else { break }
        if names.isEmpty { names = record.fields.indices.map { "\($0)" } }
        guard record.fields.count == names.count else {
          throw DelimitedText.Problem(
            line: record.line,
            reason: "the row has \(record.fields.count) fields, the \(hasHeader ? "header" : "first row") \(names.count).")
        }
        let members = zip(names, record.fields).map { DataMember(key: $0, value: .string($1)) }
        rows.append(DataRow(path: path, place: "line \(record.line)", members: members))
      }
    } catch let problem as DelimitedText.Problem {
      throw EvaluationError.file(path: path, place: "line \(problem.line)", reason: problem.reason)
    }
    return rows
  }

  private func sixLines(_ limit: Int) throws -> [DataRow] {
    var lines =
      bytes.starts(with: [0xEF, 0xBB, 0xBF])
      ? bytes[3...].split(separator: 0x0A, omittingEmptySubsequences: false)
      : bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    while lines.last?.allSatisfy({ $0 == 0x0D }) == true { lines.removeLast() }
    var rows: [DataRow] = []
    for start in stride(from: 0, to: lines.count, by: 6) where rows.count < limit {
      let place = "line \(start + 1)"
      guard start + 6 <= lines.count else {
        throw EvaluationError.file(path: path, place: place, reason: "the last row has \(lines.count - start) lines. Expected six.")
      }
      let texts = try (start..<start + 6).map { index in
        try text(lines[index].last == 0x0D ? lines[index].dropLast() : lines[index], line: index + 1)
      }
      guard let label = Int(texts[1]), 0...3 ~= label else {
        throw EvaluationError.file(
          path: path, place: "line \(start + 2)",
          reason: "'\(texts[1].prefix(40))' is no label from 0 to 3. A row has six lines: context, label, four endings.")
      }
      let members = [
        DataMember(key: "context", value: .string(texts[0])), DataMember(key: "label", value: .integer(label)),
        DataMember(key: "endings", value: .array(texts[2...].map { .string($0) })),
      ]
      rows.append(DataRow(path: path, place: place, members: members))
    }
    return rows
  }

  // MARK: - Text

  func text() throws -> String { try text(bytes[...], line: nil) }

  private func text(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, line: Int?) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw EvaluationError.file(path: path, place: line.map { "line \($0)" }, reason: "not valid UTF-8. Convert the file to UTF-8.")
    }
    return text
  }
}
