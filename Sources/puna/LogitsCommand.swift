import Adapters
import ArgumentParser
import CPUBackend
import Checkpoints
import Llama
import Tensors

struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits", abstract: "Write the logits after every token of a text: 'logits' [tokens, vocabulary] float32.")

  @OptionGroup var model: ModelArguments
  @Option(help: "Token ids, separated by commas.") var tokens: String?
  @Option(help: "Text; begins as the model's tokenizer begins a sequence.") var prompt: String?
  @Option(help: "Safetensors file to write.") var output: String
  @OptionGroup var compute: ComputeFlags

  func validate() throws {
    if (tokens == nil) == (prompt == nil) { throw ValidationError("Give either --tokens or --prompt.") }
  }

  func run() throws {
    let location = BaseLocation(name: model.base)
    let adapted = try model.adapted(location.open())
    let configuration = adapted.configuration
    let ids = try tokenIds(location, adapted)
    if ids.count > configuration.maximumPositions {
      note("\(ids.count) tokens are more than the \(configuration.maximumPositions) positions the base was trained for.")
    }
    let backend = try CPUBackend(precision: compute.precision?.precision, threads: compute.threads)
    let llama = try LlamaModel(adapted, on: backend)
    let batch = PackedBatch(
      tokens: ids, segments: [PackedBatch.Segment(rows: 0..<ids.count, parent: .none, position: 0)], targets: [])
    let logits = backend.read(llama.logits(batch, rows: ids.indices.map(Int32.init)))
    let writer = try SafetensorsWriter(
      output,
      tensors: [
        SafetensorsWriter.Declaration(name: "logits", dtype: .float32, shape: [ids.count, configuration.vocabularySize])
      ])
    try writer.append(logits)
    try writer.finish()
    note("\(output): logits of \(ids.count) tokens, \(backend.precision.rawValue), \(backend.instructionSet.rawValue)")
  }

  private func tokenIds(_ location: BaseLocation, _ adapted: AdaptedBase) throws -> [Int32] {
    let vocabularySize = adapted.configuration.vocabularySize
    let ids: [Int32]
    if let tokens {
      ids = try tokens.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let id = Int32(part.filter { $0 != " " }) else {
          throw Failure("--tokens: '\(part)' is not a token id; expected whole numbers separated by commas.")
        }
        return id
      }
    } else {
      guard let tokenizer = try location.openTokenizer(of: adapted) else {
        throw Failure("\(location.name) has no tokenizer; use --tokens.")
      }
      ids = try tokenizer.encodeSequence(prompt ?? "")
    }
    guard !ids.isEmpty else { throw Failure("There is no token to start from.") }
    for id in ids where id < 0 || Int(id) >= vocabularySize {
      throw Failure("Token id \(id) is outside the vocabulary of \(location.name): 0 to \(vocabularySize - 1).")
    }
    return ids
  }
}

/// A mistake that a command finds itself.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
