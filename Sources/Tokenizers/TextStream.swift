import JSON

extension Tokenizer {
  /// The text of ids, piece by piece: what a `TextStream` makes of them.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  func decodeByPieces(_ ids: [Int32]) throws -> String {
    var bytes: [UInt8] = []
    var text = ""
    var atStart = true
    for id in ids {
      let piece = try self.bytes(of: id, atStart: &atStart)
      // A control piece ends what is incomplete.
      if try kind(id) == .control {
        text += String(replacingInvalid: bytes)
        bytes.removeAll(keepingCapacity: true)
      } else {
        bytes.append(contentsOf: piece)
      }
    }
    return text + String(replacingInvalid: bytes)
  }
}

extension String {
  /// The text of UTF-8 with U+FFFD for each byte that belongs to no character.
  fileprivate init(replacingInvalid bytes: [UInt8]) {
    if let text = String(validating: bytes, as: UTF8.self) {
      self = text
      return
    }
    self = bytes.withUnsafeBufferPointer { bytes in
      var valid: [UInt8] = []
      var index = 0
      while index < bytes.count {
        if case .valid(let length) = UTF8Validity.sequence(in: bytes, at: index) {
          valid.append(contentsOf: bytes[index..<index + length])
          index += length
        } else {
          valid += [0xEF, 0xBF, 0xBD]
          index += 1
        }
      }
      return String(decoding: valid, as: UTF8.self)
    }
  }
}

/// Text of ids that arrive one after another, as generation makes them. Bytes of a character are held back until it is complete; the
/// pieces joined are what `Tokenizer.decode` gives for all ids.
public struct TextStream: Sendable {
  private let tokenizer: any Tokenizer
  private var atStart: Bool
  /// The beginning of a character.
  private var pending: [UInt8] = []

  /// - Parameter continues: whether text comes before it, so that a leading space is kept.
  public init(_ tokenizer: any Tokenizer, continues: Bool = false) {
    self.tokenizer = tokenizer
    atStart = !continues
  }

  /// The characters that `id` completes; empty while one is incomplete.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  public mutating func append(_ id: Int32) throws -> String {
    let bytes = try tokenizer.bytes(of: id, atStart: &atStart)
    guard try tokenizer.kind(id) != .control else { return finish() }
    return valid(pending + bytes, isLast: false)
  }

  /// What was held back, one U+FFFD for each byte.
  public mutating func finish() -> String { valid(pending, isLast: true) }

  private mutating func valid(_ bytes: [UInt8], isLast: Bool) -> String {
    pending = []
    return bytes.withUnsafeBufferPointer { bytes in
      var text = ""
      var index = 0
      while index < bytes.count {
        switch UTF8Validity.sequence(in: bytes, at: index) {
        case .valid(let length):
          text += String(decoding: bytes[index..<index + length], as: UTF8.self)
          index += length
        case .cutShort where !isLast:
          pending = Array(bytes[index...])
          return text
        case .cutShort, .invalid:
          text += "\u{FFFD}"
          index += 1
        }
      }
      return text
    }
  }
}
