import Checkpoints
import Llama
import Tensors

extension PEFTAdapter {
  /// A matrix that an adapter saves as a whole, given a few rows at a time: it may be large.
  public struct SavedMatrix {
    /// In Hugging Face naming.
    public let weightName: String
    /// `[rows, columns]`, or `[columns]` for a vector.
    public let shape: [Int]
    /// Rows in float32, row-major.
    public let rows: (Range<Int>) -> [Float]

    public init(weightName: String, shape: [Int], rows: @escaping (Range<Int>) -> [Float]) {
      self.weightName = weightName
      self.shape = shape
      self.rows = rows
    }
  }

  /// Writes the adapter as PEFT does: `adapter_model.safetensors` in float32 and `adapter_config.json`. The folder is created if need
  /// be. The configuration is written last: a folder that has one is complete.
  ///
  /// - Parameter saved: what replaces weights of the base (`modules_to_save`).
  /// - Throws: `CheckpointError` when the folder or a file cannot be written.
  public func write(to folder: String, saving saved: [SavedMatrix] = []) throws {
    try AtomicFile.createFolder(folder)
    let matrices =
      modules.flatMap { module in
        let path = AdaptedModule.projection(layer: module.layer, module.projection).path
        return [
          (PEFTTensorName(path: path, part: .a).text, SavedMatrix(shape: [module.rank, module.inputs], values: module.a)),
          (PEFTTensorName(path: path, part: .b).text, SavedMatrix(shape: [module.outputs, module.rank], values: module.b)),
        ]
      } + saved.map { (PEFTTensorName(path: String($0.weightName.dropLast(".weight".count)), part: .saved).text, $0) }
    // PEFT's own order, by name.
    let ordered = matrices.sorted { $0.0 < $1.0 }
    let writer = try SafetensorsWriter(
      "\(folder)/\(PEFTAdapter.weightsName)",
      tensors: ordered.map { SafetensorsWriter.Declaration(name: $0.0, dtype: .float32, shape: $0.1.shape) })
    for (_, matrix) in ordered { try matrix.write(to: writer) }
    try writer.finish()
    var configuration = configuration
    configuration.savedModules = saved.map { PEFTConfiguration.savedName(of: $0.weightName) }.sorted()
    try AtomicFile.write(configuration.document.text, to: "\(folder)/\(PEFTAdapter.configurationName)")
  }

  /// PEFT takes no adapter without low-rank matrices: one that only saves weights gets a pair of rank 1 that is zero and stays it.
  public func acceptable(toPEFT base: LlamaConfiguration) -> PEFTAdapter {
    guard modules.isEmpty else { return self }
    let module = AdaptedModule.projection(layer: 0, .q)
    let (outputs, inputs) = Projection.q.shape(in: base)
    var configuration = PEFTConfiguration(targetModules: .names([module.path]))
    (configuration.rank, configuration.alpha, configuration.basePath) = (1, 1, self.configuration.basePath)
    let zeros = Module(
      layer: 0, projection: .q, rank: 1, alpha: 1, scale: 1, a: [Float](repeating: 0, count: inputs),
      b: [Float](repeating: 0, count: outputs))
    return PEFTAdapter(path: path, configuration: configuration, modules: [zeros])
  }
}

extension PEFTAdapter.SavedMatrix {
  fileprivate init(shape: [Int], values: [Float]) {
    let columns = shape.last ?? 1
    self.init(weightName: "", shape: shape) { Array(values[$0.lowerBound * columns..<$0.upperBound * columns]) }
  }

  /// A weight as it is.
  public init(_ weight: StoredWeight) {
    self.init(weightName: weight.name, shape: weight.shape) { range in
      range.flatMap { row in weight.floats(ofRow: row) }
    }
  }

  fileprivate func write(to writer: SafetensorsWriter) throws {
    let count = shape.count == 2 ? shape[0] : 1
    // Pieces of a megabyte or two.
    let step = max(1, (1 << 18) / max(1, shape.last ?? 1))
    for first in stride(from: 0, to: count, by: step) { try writer.append(rows(first..<min(first + step, count))) }
  }
}

extension StoredWeight {
  /// A row in float32, whatever segments hold it.
  package func floats(ofRow row: Int) -> [Float] {
    let pieces = segments.filter { $0.rows.contains(row) }.sorted { $0.columns.lowerBound < $1.columns.lowerBound }
    return pieces.flatMap { $0.floats(ofRow: row) }
  }
}

extension WeightSegment {
  /// Its part of a row that is as stored.
  fileprivate func floats(ofRow row: Int) -> [Float] {
    let begin = (row - rows.lowerBound) * rowByteStride
    return bytes.slice(begin..<begin + columns.count * dtype.byteCount).floats(dtype) ?? []
  }
}
