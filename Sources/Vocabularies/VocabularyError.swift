/// Why a vocabulary cannot be made. `description` is what a person reads.
public enum VocabularyError: Error, Equatable, CustomStringConvertible {
  /// `suggestion` is the file in it that was meant.
  case isFolder(path: String, suggestion: String?)
  /// A tokenizer, but of another kind.
  case notSentencePiece(path: String, kind: String)

  // Merging
  /// A model whose pieces are not joined from pairs.
  case notBytePairs(path: String, type: String)
  case nothingToAdd(base: String)
  case specialExists(String, id: Int, path: String)
  case specialRepeated(String)
  case badSpecial(String, reason: String)

  // Training
  case missingInput
  /// `isCutShort` where the file ends inside a character.
  case invalidUTF8(path: String, line: Int, offset: Int, isCutShort: Bool)
  case noText(paths: [String])
  case badOption(name: String, value: String, expected: String)
  /// `largest` is what the text gives.
  case sizeTooLarge(size: Int, largest: Int)
  /// `smallest` is what the characters ask for, `smallestCovering` the same at the lowest coverage.
  case sizeTooSmall(size: Int, smallest: Int, smallestCovering: Int?, options: VocabularyTrainingOptions)
  /// The SentencePiece library's own words.
  case library(String)

  public var description: String {
    switch self {
    case .isFolder(let path, let suggestion):
      return "\(path): is a folder; expected a SentencePiece model." + (suggestion.map { " Did you mean \($0)?" } ?? "")
    case .notSentencePiece(let path, let kind):
      return "\(path): is \(kind); expected a SentencePiece model, such as the tokenizer.model of LLaMA 1 and 2."
    case .notBytePairs(let path, let type):
      return "\(path): is a \(type) model. Pieces are appended with score 0, which such a model takes before all others; only a byte-pair "
        + "model, such as LLaMA's, can be extended. Tokens that no text becomes can still be added: --special with --special-kind control."
    case .nothingToAdd(let base): return "There is nothing to add: \(base) has every piece already."
    case .specialExists(let token, let id, let path):
      return "--special '\(token)': \(path) has this piece already, as id \(id). Leave it out, or choose another name."
    case .specialRepeated(let token): return "--special '\(token)' is given twice."
    case .badSpecial(let token, let reason): return "--special '\(token)': \(reason)"
    case .missingInput: return "There is no text to train on: give --input."
    case .invalidUTF8(let path, let line, let offset, let isCutShort):
      return isCutShort
        ? "\(path):\(line): the file ends inside a character (byte \(offset)). It was cut short; copy it again, or cut it between lines."
        : "\(path):\(line): not valid UTF-8 (byte \(offset) of the file). Convert the file to UTF-8."
    case .noText(let paths): return "\(paths.joined(separator: ", ")): nothing but empty lines; there is no text to train on."
    case .badOption(let name, let value, let expected): return "--\(name) is \(value); expected \(expected)."
    case .sizeTooLarge(let size, let largest):
      return "--size \(grouped(size)) is more than this text gives: \(grouped(largest)) pieces are possible. Lower --size or add text."
    case .sizeTooSmall(let size, let smallest, let covering, let options):
      return tooSmall(size, smallest, covering, options)
    case .library(let message): return "SentencePiece could not train: \(message)"
    }
  }

  private func tooSmall(_ size: Int, _ smallest: Int, _ covering: Int?, _ options: VocabularyTrainingOptions) -> String {
    let reserved = options.reservedPieceCount
    var text =
      "--size \(grouped(size)) is too small: the characters that make up \(percent(options.characterCoverage)) of the text are "
      + "\(grouped(smallest - reserved)), and with \(reserved) special \(options.hasByteFallback ? "and byte pieces" : "pieces") "
      + "they need \(grouped(smallest)). Raise --size to at least that"
    if let covering, covering < smallest {
      text += ", or lower --character-coverage (at \(VocabularyTrainingOptions.lowestCoverage) they need \(grouped(covering)))"
    }
    if options.hasByteFallback { text += ", or pass --no-byte-fallback for a vocabulary that is merged into one with byte pieces" }
    return text + "."
  }
}

/// `52,002`
func grouped(_ number: Int) -> String {
  var text = String(number.magnitude)
  var index = text.count - 3
  while index > 0 {
    text.insert(",", at: text.index(text.startIndex, offsetBy: index))
    index -= 3
  }
  return number < 0 ? "-" + text : text
}

/// `99.95 %`, of a share that people write with a few digits.
private func percent(_ share: Double) -> String {
  let tenThousandths = (share * 1_000_000).rounded() / 10_000
  return tenThousandths == tenThousandths.rounded() ? "\(Int(tenThousandths)) %" : "\(tenThousandths) %"
}
