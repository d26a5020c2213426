/// How pieces become text again.
struct PieceDecoder: Sendable {
  enum Spaces: Sendable, Equatable {
    case none
    /// One space at a text's start is left out.
    case oneAtStart
    /// All of the first piece's are.
    case firstPiece
  }

  /// Done to each piece, one after another.
  var replacements: [(pattern: [UInt8], content: [UInt8])] = []
  /// The character that stands for a space in pieces, and where those are left out.
  var spaceMark: [UInt8] = []
  var spaces = Spaces.none

  /// - Parameter atStart: no text came before; false afterwards.
  func bytes(_ piece: ArraySlice<UInt8>, atStart: inout Bool) -> [UInt8] {
    var bytes = Array(piece)
    for (pattern, content) in replacements { bytes = replacing(pattern, by: content, in: bytes) }
    if !spaceMark.isEmpty {
      bytes = replacing(spaceMark, by: atStart && spaces == .firstPiece ? [] : [UInt8(ascii: " ")], in: bytes)
    }
    defer { if !bytes.isEmpty || spaces == .firstPiece { atStart = false } }
    return atStart && spaces == .oneAtStart && bytes.first == UInt8(ascii: " ") ? Array(bytes.dropFirst()) : bytes
  }

  private func replacing(_ pattern: [UInt8], by content: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    guard let first = pattern.first, bytes.contains(first) else { return bytes }
    var result: [UInt8] = []
    var rest = bytes[...]
    while let byte = rest.first {
      if byte == first, rest.starts(with: pattern) {
        result += content
        rest = rest.dropFirst(pattern.count)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return result
  }
}
