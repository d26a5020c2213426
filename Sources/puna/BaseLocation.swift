import Adapters
import Bases
import CStarter
import Checkpoints
import Foundation
import Recipes
import Tensors
import Tokenizers

/// Bytes that are part of the program.
private final class EmbeddedFile: ByteOwner {
  let byteCount: Int
  private let address: Int

  init(_ file: puna_starter_file) {
    byteCount = file.count
    address = Int(bitPattern: file.bytes)
  }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: byteCount))
  }
}

/// A base as a person names it: a folder, or `starter`, the small model that is part of the program.
struct BaseLocation {
  let name: String

  var isStarter: Bool { name == Recipe.starter }

  func open() throws -> Base {
    guard isStarter else { return try Base.open(name) }
    var shards: [(name: String, bytes: MappedBytes)] = []
    var configuration: MappedBytes?
    for index in 0..<puna_starter_file_count() {
      guard let file = puna_starter_file_at(index)?.pointee else { continue }
      let name = String(cString: file.name)
      let bytes = MappedBytes(owner: EmbeddedFile(file))
      if name == "config.json" { configuration = bytes }
      if name.hasSuffix(".safetensors") { shards.append((name, bytes)) }
    }
    guard let configuration else { preconditionFailure("the starter has a configuration") }
    return try Base.open(name: name, configuration: configuration, shards: shards)
  }

  /// Configuration, tokenizer and what else goes with the weights.
  func openFiles() throws -> ModelFiles {
    guard isStarter else { return try ModelFiles(folder: name) }
    var files: [String: MappedBytes] = [:]
    for index in 0..<puna_starter_file_count() {
      guard let file = puna_starter_file_at(index)?.pointee else { continue }
      let name = String(cString: file.name)
      if !name.contains(".safetensors") { files[name] = MappedBytes(owner: EmbeddedFile(file)) }
    }
    return ModelFiles(files)
  }

  /// The tokenizer at `path`, or else the base's own; `nil` when the base has none.
  func openTokenizer(at path: String? = nil) throws -> (any Tokenizer)? {
    if let path, path != Recipe.starter { return try Tokenizers.openTokenizer(at: path) }
    if isStarter || path == Recipe.starter {
      for index in 0..<puna_starter_file_count() {
        guard let file = puna_starter_file_at(index)?.pointee, String(cString: file.name) == "tokenizer.model" else { continue }
        return try SentencePieceTokenizer(
          bytes: [UInt8](UnsafeRawBufferPointer(start: file.bytes, count: file.count)), name: "starter/tokenizer.model")
      }
    }
    let names = ["tokenizer.model", "tokenizer.json"]
    guard names.contains(where: { FileManager.default.fileExists(atPath: "\(name)/\($0)") }) else { return nil }
    return try Tokenizers.openTokenizer(at: name)
  }
}
