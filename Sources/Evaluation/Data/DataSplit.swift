/// What a published file is for, as the names of files and folders say it.
package enum DataSplit: String, Sendable, CaseIterable {
  case train
  /// Worked examples, or what others call validation.
  case dev
  case validation
  case test

  private static let words: [String: DataSplit] = [
    "train": .train, "training": .train, "dev": .dev, "development": .dev, "val": .validation, "valid": .validation,
    "validation": .validation, "test": .test,
  ]

  /// Of a folder: only the whole name counts.
  static func ofFolder(_ name: String) -> DataSplit? { words[name.lowercased()] }

  /// Of a file: the last word of its name that is one, as in `ARC-Challenge-Test` and `validation-00000-of-00001`.
  static func ofFile(_ stem: String) -> DataSplit? {
    stem.lowercased().split { !$0.isLetter }.reversed().lazy.compactMap { words[String($0)] }.first
  }

  /// A file's name without the split that it ends in, such as `anatomy` of `anatomy_test`; empty where there is nothing else.
  static func subject(ofFile stem: String) -> String {
    if words[stem.lowercased()] != nil { return "" }
    guard let place = stem.lastIndex(where: { "_-.".contains($0) }), words[stem[stem.index(after: place)...].lowercased()] != nil else {
      // `test-00000-of-00001` names no subject either.
      return stem.lowercased().split(whereSeparator: { !$0.isLetter }).first.flatMap { words[String($0)] } == nil ? stem : ""
    }
    return String(stem[..<place])
  }
}
