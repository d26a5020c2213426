import Tokenizers

/// A piece with score 0, as `ModelProto.SentencePiece` in protocol buffers' wire format.
///
/// The score is written although it is the default, the kind only where it is not, as protocol buffers write what a program has set.
struct PieceMessage {
  let spelling: [UInt8]
  let kind: PieceKind

  /// The field of `ModelProto` that holds it.
  var bytes: [UInt8] {
    var message: [UInt8] = [1 << 3 | 2]
    PieceMessage.append(spelling.count, to: &message)
    message += spelling
    message += [2 << 3 | 5, 0, 0, 0, 0]
    if kind != .normal { message += [3 << 3 | 0, number] }
    var field: [UInt8] = [1 << 3 | 2]
    PieceMessage.append(message.count, to: &field)
    return field + message
  }

  private var number: UInt8 {
    switch kind {
    case .normal: 1
    case .unknown: 2
    case .control: 3
    case .userDefined: 4
    case .unused: 5
    case .byte: 6
    }
  }

  private static func append(_ count: Int, to bytes: inout [UInt8]) {
    var rest = UInt64(count)
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
