import Adapters
import Bases
import Checkpoints
import Datasets
import FineTuning
import Foundation
import JSON
import Llama
import Tensors
import TestSupport

/// A folder of results made with PyTorch, transformers and PEFT: those in the repository (Tools/goldens/make.py), or larger ones beside it.
struct GoldenCase: CustomStringConvertible, Sendable {
  let path: String

  var description: String { (path as NSString).lastPathComponent }

  static func inRepository(_ name: String) -> GoldenCase {
    GoldenCase(path: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("goldens/\(name)").path)
  }

  static let own = ["grouped", "tied", "shards"].map(inRepository)
  static let shared = SharedFiles.exist ? SharedFiles.goldenCases.map { GoldenCase(path: SharedFiles.file("goldens/\($0)")) } : []
  static let all = own + shared

  func expected() throws -> Expected { Expected(file: try SafetensorsFile.open("\(path)/expected.safetensors")) }

  /// A training run: rows of 3 or 4 a step, in order.
  struct Run {
    let sequences: [MaskedSequence]
    let batchSize: Int
    let options: TrainingOptions
    let losses: [Double]
    let norms: [Double]
    /// By PEFT's name.
    let finalParameters: [String: [Float]]
  }

  func run() throws -> Run {
    if FileManager.default.fileExists(atPath: "\(path)/run/data.json") { return try sharedRun() }
    let expected = try expected()
    let tokens = try expected.integers("run_tokens")
    let (prompts, lengths) = (try expected.integers("run_prompts"), try expected.integers("run_lengths"))
    let width = tokens.count / lengths.count
    let sequences = lengths.indices.map { row in
      MaskedSequence(
        ids: tokens[row * width..<row * width + lengths[row]].map(Int32.init), supervised: [prompts[row]..<lengths[row]])
    }
    let losses = try expected.doubles("run_losses")
    return Run(
      sequences: sequences, batchSize: 3, options: options(steps: losses.count, warmUp: losses.count == 20 ? 4 : 2), losses: losses,
      norms: try expected.doubles("run_norms"), finalParameters: try expected.floats(withPrefix: "final."))
  }

  private func sharedRun() throws -> Run {
    func object(_ name: String) throws -> JSONValue { try JSONValue(file: "\(path)/run/\(name)") }
    func numbers(_ value: JSONValue?) -> [Double] { (value?.array ?? []).compactMap(\.double) }
    let rows = try object("data.json").array ?? []
    let sequences = rows.map { row in
      let ids = (row.object?["ids"]?.array ?? []).compactMap(\.integer).map(Int32.init)
      return MaskedSequence(ids: ids, supervised: [max(1, row.object?["prompt_length"]?.integer ?? 0)..<ids.count])
    }
    let metrics = try object("expected.json").object
    let final = try SafetensorsFile.open("\(path)/run/final_adapter/adapter_model.safetensors")
    return Run(
      sequences: sequences, batchSize: 4, options: options(steps: 20, warmUp: 4), losses: numbers(metrics?["loss"]),
      norms: numbers(metrics?["gradient_norm"]), finalParameters: try Expected(file: final).floats(withPrefix: ""))
  }

  private func options(steps: Int, warmUp: Int) -> TrainingOptions {
    var options = TrainingOptions(duration: .steps(steps))
    options.learningRate = 1e-2
    options.warmUp = .steps(warmUp)
    return options
  }
}

/// Tensors of a safetensors file as plain numbers.
struct Expected {
  let file: SafetensorsFile

  struct Missing: Error { let name: String }

  private func entry(_ name: String, _ dtype: DType) throws -> SafetensorsFile.Entry {
    guard let entry = file[name], entry.dtype == dtype else { throw Missing(name: name) }
    return entry
  }

  private func values<Value>(_ name: String, _ dtype: DType, as: Value.Type) throws -> [Value] {
    try entry(name, dtype).bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / MemoryLayout<Value>.size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.size, as: Value.self)
      }
    }
  }

  func floats(_ name: String) throws -> [Float] { try values(name, .float32, as: Float.self) }
  func doubles(_ name: String) throws -> [Double] { try values(name, .float64, as: Double.self) }
  func integers(_ name: String) throws -> [Int] { try values(name, .int64, as: Int64.self).map(Int.init) }
  func shape(_ name: String) throws -> [Int] {
    guard let entry = file[name] else { throw Missing(name: name) }
    return entry.shape
  }

  func floats(withPrefix prefix: String) throws -> [String: [Float]] {
    var found: [String: [Float]] = [:]
    for tensor in file.tensors where tensor.name.hasPrefix(prefix) && tensor.dtype == .float32 {
      found[String(tensor.name.dropFirst(prefix.count))] = try floats(tensor.name)
    }
    return found
  }
}

/// Norm of the difference over the norm of the expected values.
func relativeError(_ found: some Sequence<Float>, _ expected: [Float]) -> Double {
  var (difference, norm) = (0.0, 0.0)
  for (a, b) in zip(found, expected) {
    difference += Double(a - b) * Double(a - b)
    norm += Double(b) * Double(b)
  }
  return (difference / norm).squareRoot()
}
