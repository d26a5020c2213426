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
      let path = AdaptedModule.projection(layer: module.layer, module.projection).path
      return [
        (name: PEFTTensorName(path: path, part: .a).text, shape: [module.rank, module.inputs], values: module.a),
        (name: PEFTTensorName(path: path, part: .b).text, shape: [module.outputs, module.rank], values: module.b),
      ]
    }.sorted { $0.name < $1.name }
    let writer = try SafetensorsWriter(
      "\(folder)/\(PEFTAdapter.weightsName)",
      tensors: tensors.map { SafetensorsWriter.Declaration(name: $0.name, dtype: .float32, shape: $0.shape) })
    for tensor in tensors { try writer.append(tensor.values) }
    try writer.finish()
    try AtomicFile.write(configuration.document.text, to: "\(folder)/\(PEFTAdapter.configurationName)")
  }
}
