import Checkpoints
import Foundation
import Tensors

/// A step of a run as a folder: PEFT's files, AdamW's moments in `optimizer.safetensors`, and `training_state.json`.
///
/// The folder gets its name when everything in it is on disk: one that has the name is complete.
public struct Checkpoint: Sendable {
  public let path: String
  public let state: TrainingState

  /// What it has besides PEFT's files.
  public static let ownFiles = [momentsName, stateName]

  private static let stateName = "training_state.json"
  private static let momentsName = "optimizer.safetensors"
  private static let adapterName = "adapter_model.safetensors"
  /// As torch.optim.AdamW calls its moments.
  private static let first = ".exp_avg", second = ".exp_avg_sq"

  /// Writes the folder `path`.
  ///
  /// - Parameter saveAdapter: writes PEFT's files into a folder.
  /// - Throws: `CheckpointError`; what had the name before is untouched then.
  static func write(
    _ state: TrainingState, _ parameters: ParameterSet, on backend: any ComputeBackend, to path: String,
    saveAdapter: (_ folder: String) throws -> Void
  ) throws {
    try AtomicFolder.write(path) { folder in
      try writeMoments(parameters, on: backend, to: "\(folder)/\(momentsName)")
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      try AtomicFile.write(encoder.encode(state) + Data("\n".utf8), to: "\(folder)/\(stateName)")
      try saveAdapter(folder)
    }
  }

  private static func writeMoments(_ parameters: ParameterSet, on backend: any ComputeBackend, to path: String) throws {
    guard let first = parameters.firstMoments, let second = parameters.secondMoments else {
      preconditionFailure("a trained set has moments")
    }
    let moments = [(Checkpoint.first, backend.read(first)), (Checkpoint.second, backend.read(second))]
    let order = parameters.declarations.indices.sorted { parameters[$0].name < parameters[$1].name }
    let writer = try SafetensorsWriter(
      path,
      tensors: order.flatMap { index in
        moments.map { suffix, _ in
          SafetensorsWriter.Declaration(
            name: parameters[index].name + suffix, dtype: .float32, shape: [parameters[index].rows, parameters[index].columns])
        }
      })
    for index in order {
      let parameter = parameters[index]
      for (_, values) in moments {
        try writer.append(Array(values[parameter.offset..<parameter.offset + parameter.rows * parameter.columns]))
      }
    }
    try writer.finish()
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
    backend.write(try read(parameters, from: Checkpoint.adapterName, suffix: ""), to: parameters.values)
    backend.write(try read(parameters, from: Checkpoint.momentsName, suffix: Checkpoint.first), to: first)
    backend.write(try read(parameters, from: Checkpoint.momentsName, suffix: Checkpoint.second), to: second)
  }

  private func read(_ parameters: ParameterSet, from name: String, suffix: String) throws -> [Float] {
    let file = try SafetensorsFile.open("\(path)/\(name)")
    var values: [Float] = []
    values.reserveCapacity(parameters.count)
    for declaration in parameters.declarations {
      let shape = [declaration.rows, declaration.columns]
      guard let entry = file[declaration.name + suffix] else {
        throw CheckpointError(path: file.path, reason: .malformed("has no '\(declaration.name + suffix)'."))
      }
      guard entry.shape == shape, entry.dtype == .float32, let read = entry.floats() else {
        throw CheckpointError(
          path: file.path,
          reason: .malformed("'\(entry.name)' is \(entry.dtype.rawValue) \(entry.shape); the recipe implies float32 \(shape)."))
      }
      values += read
    }
    return values
  }
}
