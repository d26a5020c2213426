import ArgumentParser
import Foundation
import Inspection
import Recipes
import Synchronization

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Say what a base, shard, adapter, tokenizer or run folder is, and whether anything is wrong with it.",
    discussion: """
      Only headers and small files are read, unless --verify asks for every byte. A base with problems is shown as far as it can be read. \
      Exit status: 0 nothing is wrong, 1 something is.

      --json prints one object that always has these keys; null stands for what does not apply or is not known:
        path, kind (base, shard, adapter, tokenizer, run), form, chat_template, fingerprint
        network       layers, hidden_size, heads, key_value_heads, head_dimension, intermediate_size, vocabulary_size, ...
        parameters    total; embedding, attention, feed_forward, norms, head, other; dtypes
        tokenizer     kind, vocabulary_size, bos, eos, adds_bos, adds_eos, special_tokens, byte_fallback, embedding_rows
        adapter       rank, alpha, scale, rslora, modules, parameters, base, base_fingerprint, unusual_settings, saved_weights, ...
        run           finished, steps_done, steps_planned, losses and validations, seconds, tokens, data, checkpoints
        files         name, bytes, tensors, used
        tensors       name, dtype, shape, file, bytes: [begin, end] in that file, row_byte_stride of a view with gaps
        verification  with --verify: bytes_read, seconds, tensors (nan, infinity, first_not_finite, all_zero), checksums
        notes, problems: sentences
      """)

  @Argument(help: "A folder or file, or 'starter'.") var path: String
  @Flag(help: "Read every byte: NaN and infinity, tensors of zeros, and checksums that lie beside the files.") var verify = false
  @Flag(help: "List every tensor with its place in its file.") var tensors = false
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let starter = BaseLocation.starterFiles.map { EmbeddedFile(name: $0.name, bytes: $0.bytes) }
    let inspector = Inspector(
      embedded: [Recipe.starter: starter], openBase: { try BaseLocation(name: $0).open() },
      openTokenizer: { try BaseLocation(name: $0).openTokenizer(at: $0) })
    var inspection = try inspector.inspect(path)
    if verify {
      let meter = VerificationMeter()
      inspection.verify { meter.show(done: $0, total: $1) }
      meter.finish()
    }
    print(json ? inspection.json.text : inspection.text(listsTensors: tensors), terminator: "")
    if !inspection.problems.isEmpty { throw ExitCode(1) }
  }
}

/// Shows how far reading has come: a line that renews itself on a terminal, a line now and then elsewhere.
private final class VerificationMeter: Sendable {
  private let began = Date()
  private let state = Mutex((last: Date(), isOpen: false))

  func show(done: Int, total: Int) {
    state.withLock { state in
      guard Date().timeIntervalSince(state.last) > (Terminal.isInteractive ? 0.2 : 5) else { return }
      state.last = Date()
      let rate = Double(done) / max(0.001, state.last.timeIntervalSince(began))
      let left = Double(total - done) / max(1, rate)
      let text =
        "\(Terminal.bytes(done)) of \(Terminal.bytes(total)) read, \(Terminal.bytes(Int(rate)))/s, \(Terminal.duration(left)) left"
      if Terminal.isInteractive {
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
        state.isOpen = true
      } else {
        standardError(text)
      }
    }
  }

  func finish() {
    state.withLock { state in
      if state.isOpen { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
      state.isOpen = false
    }
  }
}
