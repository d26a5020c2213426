import JSON

/// How the rows of a published file are written, told by its content.
package enum DataForm: Sendable, Equatable {
  /// One array of objects.
  case jsonArray
  /// An object per row.
  case jsonLines
  /// One object; the rows are a list in it.
  case jsonDocument(key: String)
  /// Comma-separated, the first line names the columns.
  case csv
  /// Comma-separated, without names: question, four choices, a letter. The columns are called 0, 1, 2, ...
  case csvWithoutHeader
  /// Tab-separated, the first line names the columns.
  case tsv
  /// Six lines for each row: context, label, four endings.
  case sixLines
  /// No rows: one text.
  case text
  /// `reason` says why.
  case unreadable(reason: String)

  package var description: String {
    switch self {
    case .jsonArray, .jsonDocument: "JSON"
    case .jsonLines: "JSON lines"
    case .csv: "CSV"
    case .csvWithoutHeader: "CSV without a header"
    case .tsv: "TSV"
    case .sixLines: "six lines a row"
    case .text: "text"
    case .unreadable(let reason): reason
    }
  }
}

/// What the first bytes of a file tell.
struct DataHead {
  let form: DataForm
  /// Nil for a text.
  let first: DataRow?

  init(unreadable error: any Error) {
    form = .unreadable(reason: DataHead.reason(error))
    first = nil
  }

  /// Without the path, which stands before it anyway, and without its full stop.
  private static func reason(_ error: any Error) -> String {
    guard case EvaluationError.file(_, let place, let reason) = error else { return "\(error)" }
    return (place.map { "\($0): " } ?? "") + (reason.hasSuffix(".") ? String(reason.dropLast()) : reason)
  }

  /// Nil when more bytes are needed to tell.
  ///
  /// - Parameters:
  ///   - name: decides between a table and a text where the header's names are unusual.
  ///   - isWhole: whether `bytes` is all there is.
  init?(_ bytes: [UInt8], path: String, isWhole: Bool) {
    let found: (DataForm, DataRow?)? = bytes.withUnsafeBufferPointer { bytes in
      if let reason = DataHead.foreign(bytes) { return (.unreadable(reason: reason), nil) }
      let parser = RowParser(path: path, bytes: bytes)
      if DataHead.isSixLines(bytes) { return DataHead.first(.sixLines, parser, isWhole) }
      let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
      switch bytes[start...].first(where: { !" \t\r\n".utf8.contains($0) }) {
      case UInt8(ascii: "{"): return DataHead.object(parser, isWhole)
      case UInt8(ascii: "["): return DataHead.array(parser, isWhole)
      default: return DataHead.table(parser, isWhole)
      }
    }
    guard let found else { return nil }
    (form, first) = found
  }

  private static func foreign(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    if bytes.starts(with: Array("PAR1".utf8)) { return "Parquet, which is not read: export the rows as JSON lines" }
    if bytes.starts(with: Array("ARROW1".utf8)) { return "Arrow, which is not read: export the rows as JSON lines" }
    if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "a zip archive: unpack it" }
    if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) { return "a tar archive: unpack it" }
    return bytes.contains(0) ? "no text" : nil
  }

  private static func first(_ form: DataForm, _ parser: RowParser, _ isWhole: Bool) -> (DataForm, DataRow?)? {
    do {
      guard let row = try parser.rows(form, limit: 1, isWhole: isWhole).first else {
        return isWhole ? (.unreadable(reason: "no rows"), nil) : nil
      }
      return (form, row)
    } catch {
      // Bytes that are cut anywhere look broken.
      guard isWhole else { return nil }
      return (.unreadable(reason: reason(error)), nil)
    }
  }

  /// An array of rows, or a text such as `[1] Footnotes begin so.`
  private static func array(_ parser: RowParser, _ isWhole: Bool) -> (DataForm, DataRow?)? {
    var scanner = JSONScanner(parser.bytes)
    if scanner.passes("["), scanner.passes("{") || scanner.passes("]") { return first(.jsonArray, parser, isWhole) }
    return table(parser, isWhole)
  }

  private static func object(_ parser: RowParser, _ isWhole: Bool) -> (DataForm, DataRow?)? {
    guard let lines = first(.jsonLines, parser, isWhole), let row = lines.1 else { return isWhole ? first(.jsonLines, parser, true) : nil }
    for key in ["Data", "data"] where row[key]?.array?.first?.members != nil {
      return isWhole ? first(.jsonDocument(key: key), parser, true) : nil
    }
    return lines
  }

  /// Line 2 of each six is a label and nothing else.
  private static func isSixLines(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    let lines = bytes.prefix(1 << 16).split(separator: 0x0A, maxSplits: 8, omittingEmptySubsequences: false).map { line in
      line.last == 0x0D ? line.dropLast() : line
    }
    func isLabel(_ index: Int) -> Bool { lines[index].count == 1 && lines[index].allSatisfy { 0x30...0x39 ~= $0 } }
    return lines.count >= 6 && isLabel(1) && (lines.count < 9 || isLabel(7)) && !lines[0].isEmpty && lines[2].count > 1
  }

  /// CSV or TSV if the first line reads as names of columns, else a text.
  private static func table(_ parser: RowParser, _ isWhole: Bool) -> (DataForm, DataRow?)? {
    for (separator, form, suffix) in [("\t", DataForm.tsv, ".tsv"), (",", .csv, ".csv")] as [(Unicode.Scalar, DataForm, String)] {
      var records = DelimitedText(parser.bytes, separator: separator)
      guard let record = try? records.next(), record.fields.count > 1 else { continue }
      guard record.isEnded || isWhole else { return nil }
      let isNamedSo = parser.path.lowercased().contains(suffix)
      if separator == ",", isRowWithoutHeader(record.fields) { return first(.csvWithoutHeader, parser, isWhole) }
      if areNames(record.fields, strictly: !isNamedSo) { return first(form, parser, isWhole) }
    }
    return (.text, nil)
  }

  private static func isRowWithoutHeader(_ fields: [String]) -> Bool {
    fields.count == 6 && ["A", "B", "C", "D"].contains(fields[5]) && !["A", "B", "C", "D"].allSatisfy(fields.contains)
  }

  private static func areNames(_ fields: [String], strictly: Bool) -> Bool {
    // pandas leaves the index without a name.
    let names = fields.first == "" ? fields.dropFirst() : fields[...]
    guard Set(fields).count == fields.count, names.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 64 }) else { return false }
    return !strictly
      || names.allSatisfy { $0.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || "0123456789_-.#".unicodeScalars.contains($0) } }
  }
}
