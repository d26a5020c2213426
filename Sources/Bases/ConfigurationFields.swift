import JSON

/// The members of a configuration object, read one by one; what is wrong is added to a list. `null` counts as absent.
struct ConfigurationFields {
  typealias Problems = [BaseError.Problem]

  let file: String
  /// Empty unless the document is no object.
  let problems: Problems
  private let members: [String: JSONValue]

  init(_ document: JSONValue, file: String) {
    self.file = file
    members = document.object ?? [:]
    problems = document.object == nil ? [.contradiction(file: file, message: "is no JSON object.")] : []
  }

  var keys: [String] { Array(members.keys) }

  subscript(key: String) -> JSONValue? {
    guard let value = members[key], !value.isNull else { return nil }
    return value
  }

  /// A number from 1 to `limit`; 0 stands for one that is missing or wrong, which `problems` then says.
  func count(_ key: String, upTo limit: Int, default fallback: Int? = nil, _ problems: inout Problems) -> Int {
    guard let value = self[key] else {
      if fallback == nil { problems.append(.missingKey(file: file, key: key)) }
      return fallback ?? 0
    }
    guard let count = value.integer, count > 0, count <= limit else {
      problems.append(.badValue(file: file, key: key, found: value.excerpt, expected: "a whole number from 1 to \(limit)"))
      return 0
    }
    return count
  }

  /// A number above 0.
  func positive(_ key: String, default fallback: Double? = nil, _ problems: inout Problems) -> Double {
    guard let value = self[key] else {
      if fallback == nil { problems.append(.missingKey(file: file, key: key)) }
      return fallback ?? 1
    }
    guard let number = value.double, number > 0 else {
      problems.append(.badValue(file: file, key: key, found: value.excerpt, expected: "a number above 0"))
      return 1
    }
    return number
  }

  /// True or false; absent is false.
  func flag(_ key: String, _ problems: inout Problems) -> Bool {
    guard let value = self[key] else { return false }
    guard let flag = value.bool else {
      problems.append(.badValue(file: file, key: key, found: value.excerpt, expected: "true or false"))
      return false
    }
    return flag
  }

  /// A token id or a list of them; absent is `fallback`, but an explicit `null` is none.
  func tokens(
    _ key: String, default fallback: [Int32], below vocabularySize: Int, allowsList: Bool = true, _ problems: inout Problems
  ) -> [Int32] {
    guard let value = members[key] else { return fallback }
    if value.isNull { return [] }
    let elements = allowsList ? value.array ?? [value] : [value]
    var tokens: [Int32] = []
    for element in elements {
      guard let number = element.integer, let token = Int32(exactly: number), token >= 0, vocabularySize == 0 || token < vocabularySize
      else {
        let expected = allowsList ? "a token id below \(vocabularySize), or a list of them" : "a token id below \(vocabularySize)"
        problems.append(.badValue(file: file, key: key, found: value.excerpt, expected: expected))
        return []
      }
      if !tokens.contains(token) { tokens.append(token) }
    }
    return tokens
  }
}
