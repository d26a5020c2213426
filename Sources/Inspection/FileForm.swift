import Checkpoints
import Foundation
import JSON
import Tensors

/// What a file is, by its bytes; its name does not count.
enum FileForm: Sendable, Equatable {
  // Tensors
  case safetensors
  /// `torch.save` since PyTorch 1.6: a zip archive.
  case torchZip
  /// `torch.save` before: a bare pickle.
  case torchPickle
  case gguf

  // Tokenizers
  case sentencePiece
  case tokenizerJSON
  case tiktoken

  // JSON of known content
  case shardIndex
  case baseConfiguration
  case metaParameters
  case adapterConfiguration
  case runRecord
  case metrics
  case otherJSON

  // What people have in place of a file
  case gitLFSPointer
  case webPage

  case text
  case unknown

  var isTokenizer: Bool { self == .sentencePiece || self == .tokenizerJSON || self == .tiktoken }

  init(_ bytes: MappedBytes) {
    self = bytes.withUnsafeBytes { FileForm($0) }
  }

  private init(_ bytes: UnsafeRawBufferPointer) {
    func begins(with text: String) -> Bool { bytes.starts(with: text.utf8) }
    if begins(with: "version https://git-lfs") {
      self = .gitLFSPointer
    } else if begins(with: "GGUF") {
      self = .gguf
    } else if begins(with: "PK\u{3}\u{4}") {
      self = .torchZip
    } else if FileForm.isSafetensors(bytes) {
      self = .safetensors
    } else if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
      // After safetensors, whose header may have such a length.
      self = .torchPickle
    } else if bytes.count > 4, bytes[0] == 0x0A, bytes[2] == 0x0A {
      // A piece, and its text in it: the wire format of SentencePiece's models.
      self = .sentencePiece
    } else {
      self = FileForm.ofText(bytes)
    }
  }

  private static func isSafetensors(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count > 9, bytes[8] == UInt8(ascii: "{") else { return false }
    return UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) <= 100_000_000
  }

  private static func ofText(_ bytes: UnsafeRawBufferPointer) -> FileForm {
    let beginning = UnsafeRawBufferPointer(rebasing: bytes.prefix(512))
    guard !beginning.contains(0) else { return .unknown }
    let text = String(decoding: beginning, as: UTF8.self)
    let trimmed = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    if trimmed.hasPrefix("{") || trimmed.hasPrefix("[") { return ofJSON(bytes, trimmed) }
    if trimmed.lowercased().hasPrefix("<!doctype html") || trimmed.lowercased().hasPrefix("<html") { return .webPage }
    let words = trimmed.prefix { $0 != "\n" }.split(separator: " ")
    if words.count == 2, Int(words[1]) != nil, Data(base64Encoded: String(words[0])) != nil { return .tiktoken }
    // A character may be cut at the end.
    return text.unicodeScalars.dropLast(4).contains("\u{FFFD}") ? .unknown : .text
  }

  private static func ofJSON(_ bytes: UnsafeRawBufferPointer, _ beginning: Substring) -> FileForm {
    if beginning.hasPrefix("{\"event\"") { return .metrics }
    // A tree of a large tokenizer would take many times its size; keys up to where the text breaks say enough.
    var keys: Set<String> = []
    var scanner = JSONScanner(bytes.bindMemory(to: UInt8.self))
    try? scanner.object { scanner, key in
      keys.insert(scanner.string(key))
      try scanner.skipValue()
    }
    let forms: [(key: String, form: FileForm)] = [
      ("weight_map", .shardIndex), ("peft_type", .adapterConfiguration), ("base_fingerprint", .runRecord),
      ("model_type", .baseConfiguration),
      ("n_layers", .metaParameters),
    ]
    if let known = forms.first(where: { keys.contains($0.key) }) { return known.form }
    return keys.isSuperset(of: ["model", "added_tokens"]) ? .tokenizerJSON : .otherJSON
  }
}
