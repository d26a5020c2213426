import Checkpoints
import Tensors

extension PEFTAdapter {
  /// Writes the adapter as PEFT does: `adapter_model.safetensors` in float32 and `adapter_config.json`. The folder is created if need
  /// be. The configuration is written last: a folder that has one is complete.
  ///
  /// - Throws: `CheckpointError` when the folder or a file cannot be written.
  public func write(to folder: String) throws {
    try AtomicFile.createFolder(folder)
    // PEFT's own order, by name.
    let tensors = modules.flatMap { module in
      [("A", [module.rank, module.inputs], module.a), ("B", [module.outputs, module.rank], module.b)].map { matrix, shape, values in
        (name: Module.tensorName(module.layer, module.projection, matrix), shape: shape, values: values)
      }
    }.sorted { $0.name < $1.name }
    let writer = try SafetensorsWriter(
      "\(folder)/\(PEFTAdapter.weightsName)",
      tensors: tensors.map { SafetensorsWriter.Declaration(name: $0.name, dtype: .float32, shape: $0.shape) })
    for tensor in tensors { try writer.append(tensor.values) }
    try writer.finish()
    try AtomicFile.write(configuration.document.text, to: "\(folder)/\(PEFTAdapter.configurationName)")
  }
}
