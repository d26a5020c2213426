/// How a vocabulary is trained. The defaults are those of LLaMA's own, so that what comes out can be merged into it.
public struct VocabularyTrainingOptions: Sendable, Equatable {
  public enum ModelType: String, Sendable, CaseIterable {
    /// Pairs joined by frequency (Sennrich et al., ACL 2016).
    case bpe
    /// A unigram language model (Kudo, ACL 2018).
    case unigram
  }

  /// SentencePiece's rules by name. `identity` also keeps every space; the others remove superfluous ones.
  public enum Normalization: String, Sendable, CaseIterable {
    case identity, nfkc
    case nmtNFKC = "nmt_nfkc"
    case nfkcCaseFolded = "nfkc_cf"
    case nmtNFKCCaseFolded = "nmt_nfkc_cf"
  }

  /// Pieces of all kinds.
  public var size: Int
  public var type = ModelType.bpe
  /// Share of the text's characters that are pieces; the rest is spelt in bytes, or unknown.
  public var characterCoverage = 0.9995
  public var hasByteFallback = true
  public var splitsDigits = true
  public var normalization = Normalization.identity
  /// In characters.
  public var longestPiece = 16
  /// In bytes; a longer line is cut.
  public var longestSentence = 4192
  /// So many lines are drawn from all; nil for all.
  public var sampleLineCount: Int?
  public var seed: UInt64 = 42

  /// The library's.
  public static let lowestCoverage = 0.98
  /// The library gives positions in a word 16 bits, and normalization can make six characters of a byte.
  public static let sentenceLimits = 10...10_000

  public init(size: Int) { self.size = size }

  /// `<unk>`, `<s>`, `</s>` and the bytes.
  public var reservedPieceCount: Int { hasByteFallback ? 259 : 3 }

  /// - Throws: `VocabularyError.badOption`, in the words of the command line.
  public func check() throws {
    func check(_ isFine: Bool, _ name: String, _ value: Any, _ expected: String) throws {
      if !isFine { throw VocabularyError.badOption(name: name, value: "\(value)", expected: expected) }
    }
    let least = reservedPieceCount + 1
    let what = hasByteFallback ? "3 special pieces, 256 bytes" : "3 special pieces"
    try check(size >= least && size <= Int(Int32.max), "size", size, "a whole number from \(least): \(what) and characters")
    try check(
      characterCoverage >= VocabularyTrainingOptions.lowestCoverage && characterCoverage <= 1, "character-coverage", characterCoverage,
      "a number from \(VocabularyTrainingOptions.lowestCoverage) to 1")
    try check((1...512).contains(longestPiece), "max-piece-length", longestPiece, "a whole number from 1 to 512")
    let limits = VocabularyTrainingOptions.sentenceLimits
    try check(
      limits.contains(longestSentence), "max-sentence-length", longestSentence,
      "a whole number from \(limits.lowerBound) to \(limits.upperBound)")
    if let sampleLineCount { try check(sampleLineCount >= 1, "sample-lines", sampleLineCount, "a whole number from 1") }
  }

  /// As the library's trainer names them, in turn with their values.
  ///
  /// - Parameter byteCount: of the text.
  func settings(byteCount: Int) -> [String] {
    let keepsSpaces = normalization == .identity
    return [
      "model_type", type.rawValue, "vocab_size", "\(size)", "character_coverage", "\(characterCoverage)",
      "byte_fallback", "\(hasByteFallback)", "split_digits", "\(splitsDigits)",
      "normalization_rule_name", normalization.rawValue, "remove_extra_whitespaces", "\(!keepsSpaces)",
      "allow_whitespace_only_pieces", "\(keepsSpaces)", "max_sentencepiece_length", "\(longestPiece)",
      "max_sentence_length", "\(longestSentence)",
      // Sums of a unigram model are taken by thread: the number must not depend on the machine.
      "num_threads", "16",
      // Indices of 32 bits are enough for as many characters as normalization can make of a text below this.
      "train_extremely_large_corpus", "\(byteCount > 1 << 28)", "minloglevel", "3",
    ]
  }
}
