import Foundation

/// Llama 3's `tokenizer.model`: lines of a token's bytes in base64 and its rank, which is its id and how early it is merged.
enum TiktokenRanks {
  /// What follows the ranks: 256 control tokens, by the names of Llama 3.1.
  static let controlNames: [String] = {
    var names = [
      "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
      "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    ]
    names += (3...247).map { "<|reserved_special_token_\($0)|>" }
    return names
  }()

  /// Whether a file begins like one: base64, a space, digits.
  static func isBeginning(of bytes: [UInt8]) -> Bool {
    let line = bytes.prefix(2_000).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    return words.count == 2 && words[1].allSatisfy { (0x30...0x39).contains($0) } && !words[1].isEmpty && decoded(words[0]) != nil
  }

  /// The pieces of a file, in the order of their ranks.
  ///
  /// - Throws: `TokenizerError` with the line at fault.
  static func pieces(_ bytes: [UInt8], _ path: String) throws -> PieceTable {
    var pieces = PieceTable(minimumCapacity: bytes.count / 16)
    var line = 0
    var start = 0
    func problem(_ reason: String) -> TokenizerError { .notATokenizer(path: "\(path):\(line)", reason: reason) }
    while start < bytes.count {
      line += 1
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      var contents = bytes[start..<end]
      start = end + 1
      if contents.last == UInt8(ascii: "\r") { contents = contents.dropLast() }
      if contents.isEmpty, start >= bytes.count { break }
      let words = contents.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard words.count == 2, let piece = decoded(words[0]), !piece.isEmpty, let rank = number(words[1]) else {
        let isCut = start > bytes.count
        throw problem("expected a token in base64 and its rank" + (isCut ? "; the file may be cut short" : ""))
      }
      guard rank == pieces.count else { throw problem("rank \(rank) follows rank \(pieces.count - 1); ranks count from 0 without gaps") }
      guard piece.count <= MergeTable.maximumPieceByteCount else { throw problem("a token of \(piece.count) bytes") }
      guard pieces.append(piece) else {
        throw problem("rank \(rank) repeats the token of rank \(pieces.id(of: piece).map(String.init) ?? "?")")
      }
    }
    return pieces
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count < 10 else { return nil }
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }

  private static let digits: [UInt8] = {
    var digits = [UInt8](repeating: 255, count: 256)
    for (value, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
      digits[Int(letter)] = UInt8(value)
    }
    return digits
  }()

  /// Strict base64 (RFC 4648) with its padding.
  private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0, !text.isEmpty else { return nil }
    let padding = text.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var (buffer, bitCount): (UInt32, UInt32) = (0, 0)
    for letter in text.dropLast(padding) {
      let value = digits[Int(letter)]
      guard value < 64 else { return nil }
      buffer = (buffer << 6 | UInt32(value)) & 0xFFFF
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> bitCount))
      }
    }
    return buffer & (1 << bitCount - 1) == 0 ? bytes : nil
  }
}

extension BytePairTokenizer {
  /// Llama 3's tokenizer from its list of tiktoken ranks.
  ///
  /// - Parameters:
  ///   - name: the file's name in messages.
  ///   - configuration: what `tokenizer_config.json` says, where there is one.
  /// - Throws: `TokenizerError` with the line at fault.
  public convenience init(
    tiktokenRanks bytes: [UInt8], name: String = "tokenizer.model", configuration: TokenizerConfiguration = TokenizerConfiguration()
  ) throws {
    var pieces = try TiktokenRanks.pieces(bytes, name)
    let ranked = pieces
    let pieceOfByte = (0...255).map { ranked.id(of: [UInt8($0)]) ?? -1 }
    if let missing = pieceOfByte.firstIndex(of: -1) {
      throw TokenizerError.notATokenizer(
        path: name, reason: "no token is the byte \(hexadecimal(UInt8(missing))) alone; the list of ranks is not complete")
    }
    var added: [AddedToken] = []
    for (index, control) in TiktokenRanks.controlNames.enumerated() {
      added.append(AddedToken(id: Int32(ranked.count + index), content: control, isSpecial: true))
      _ = pieces.append(control.utf8, isFindable: false)
    }
    let model = BytePairModel(
      symbols: .bytes(pieceOfByte), pieces: ranked, merges: MergeTable(of: ranked) { $0 }, takesWholeWords: true, joins: nil)
    var parts = Parts(
      identity: configuration.identity("tiktoken ranks", bytes), pieces: pieces,
      kinds: [PieceKind](repeating: .normal, count: ranked.count) + [PieceKind](repeating: .control, count: added.count),
      spelling: .ranks, model: model, addedTokens: added)
    parts.splitter.steps = [.pattern(.llama3(maximumDigitCount: 3))]
    parts.beginOfSequence = Int32(ranked.count)
    parts.endOfSequence = Int32(ranked.count + 1)
    parts.addsBeginOfSequence = true
    try parts.apply(configuration, name)
    try self.init(parts, name)
  }
}

func hexadecimal(_ byte: UInt8) -> String { "0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) }
