import Adapters
import Checkpoints
import Foundation
import Llama
import Tensors

/// A step of a run as a folder: PEFT's files, AdamW's moments in `optimizer.safetensors`, and `training_state.json`.
///
/// Where only new rows of embedding or head are trained, `trained.safetensors` holds all that is trained in place of PEFT's files, which would
/// hold the whole matrices. The folder gets its name when everything in it is on disk: one that has the name is complete.
public struct Checkpoint: Sendable {
  public let path: String
  public let state: TrainingState

  /// What it has besides PEFT's files.
  public static let ownFiles = [momentsName, stateName, PEFTAdapter.trainedRowsName]

  private static let stateName = "training_state.json"
  private static let momentsName = "optimizer.safetensors"
  private static let adapterName = "adapter_model.safetensors"
  /// Elements that are read or written at a time.
  private static let piece = 1 << 18
  /// As torch.optim.AdamW calls its moments.
  private static let first = ".exp_avg", second = ".exp_avg_sq"

  /// Writes the folder `path`.
  ///
  /// - Parameter saveAdapter: writes PEFT's files into a folder.
  /// - Throws: `CheckpointError`; what had the name before is untouched then.
  static func write(
    _ state: TrainingState, _ adapter: LoRAAdapter, on backend: any ComputeBackend, to path: String,
    saveAdapter: (_ folder: String) throws -> Void
  ) throws {
    try AtomicFolder.write(path) { folder in
      let parameters = adapter.parameters
      guard let first = parameters.firstMoments, let second = parameters.secondMoments else {
        preconditionFailure("a trained set has moments")
      }
      try write(
        [(Checkpoint.first, first), (Checkpoint.second, second)], of: parameters, on: backend, to: "\(folder)/\(momentsName)")
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      try AtomicFile.write(encoder.encode(state) + Data("\n".utf8), to: "\(folder)/\(stateName)")
      if adapter.vocabulary.isPartial {
        try write([("", parameters.values)], of: parameters, on: backend, to: "\(folder)/\(PEFTAdapter.trainedRowsName)")
      } else {
        try saveAdapter(folder)
      }
    }
  }

  /// Writes flat tensors of a set, parameter by parameter, each under its name and a suffix.
  private static func write(
    _ tensors: [(suffix: String, tensor: Tensor)], of parameters: ParameterSet, on backend: any ComputeBackend, to path: String
  ) throws {
    let order = parameters.declarations.indices.sorted { parameters[$0].name < parameters[$1].name }
    let writer = try SafetensorsWriter(
      path,
      tensors: order.flatMap { index in
        tensors.map { suffix, _ in
          SafetensorsWriter.Declaration(
            name: parameters[index].name + suffix, dtype: .float32, shape: [parameters[index].rows, parameters[index].columns])
        }
      })
    for index in order {
      for (_, tensor) in tensors {
        for elements in pieces(of: parameters[index].elements) { try writer.append(backend.read(tensor, elements)) }
      }
    }
    try writer.finish()
  }

  /// Consecutive parts: what is trained may be large, and is never copied as a whole.
  private static func pieces(of elements: Range<Int>) -> [Range<Int>] {
    stride(from: elements.lowerBound, to: elements.upperBound, by: piece).map { $0..<min($0 + piece, elements.upperBound) }
  }

  /// Reads how far the run was.
  ///
  /// - Throws: `CheckpointError` when a file is missing or not what a checkpoint writes.
  public init(path: String) throws {
    let file = "\(path)/\(Checkpoint.stateName)"
    guard let bytes = FileManager.default.contents(atPath: file) else {
      throw CheckpointError(path: file, reason: .missing)
    }
    do {
      state = try JSONDecoder().decode(TrainingState.self, from: bytes)
    } catch {
      throw CheckpointError(path: file, reason: .malformed("is not what a checkpoint writes: \(error)"))
    }
    guard state.step > 0, state.updates >= 0, state.updates <= state.step, state.metricsByteCount >= 0, state.rows > 0 else {
      throw CheckpointError(path: file, reason: .malformed("holds numbers that no run has."))
    }
    self.path = path
  }

  /// Gives a trained set the values and moments it had.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing or of another shape.
  func restore(_ parameters: ParameterSet, on backend: any ComputeBackend) throws {
    guard let first = parameters.firstMoments, let second = parameters.secondMoments else {
      preconditionFailure("a trained set has moments")
    }
    let hasRowsAlone = FileManager.default.fileExists(atPath: "\(path)/\(PEFTAdapter.trainedRowsName)")
    let values = hasRowsAlone ? PEFTAdapter.trainedRowsName : Checkpoint.adapterName
    try read(parameters, from: values, suffix: "", into: parameters.values, on: backend)
    try read(parameters, from: Checkpoint.momentsName, suffix: Checkpoint.first, into: first, on: backend)
    try read(parameters, from: Checkpoint.momentsName, suffix: Checkpoint.second, into: second, on: backend)
  }

  private func read(
    _ parameters: ParameterSet, from name: String, suffix: String, into tensor: Tensor, on backend: any ComputeBackend
  ) throws {
    let file = try SafetensorsFile.open("\(path)/\(name)")
    for index in parameters.declarations.indices {
      let parameter = parameters[index]
      let shape = [parameter.rows, parameter.columns]
      guard let entry = file[parameter.name + suffix] else {
        throw CheckpointError(path: file.path, reason: .malformed("has no '\(parameter.name + suffix)'."))
      }
      guard entry.shape == shape, entry.dtype == .float32 else {
        throw CheckpointError(
          path: file.path,
          reason: .malformed("'\(entry.name)' is \(entry.dtype.rawValue) \(entry.shape); the recipe implies float32 \(shape)."))
      }
      for elements in Checkpoint.pieces(of: parameter.elements) {
        let begin = (elements.lowerBound - parameter.offset) * MemoryLayout<Float>.size
        let bytes = entry.bytes.slice(begin..<begin + elements.count * MemoryLayout<Float>.size)
        backend.write(bytes.floats(.float32) ?? [], to: tensor, at: elements.lowerBound)
      }
    }
  }
}
