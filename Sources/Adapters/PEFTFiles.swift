import Checkpoints
import Foundation
import JSON
import Tensors

/// The two files of an adapter folder, opened.
struct PEFTFiles {
  /// A tensor of either kind of file.
  struct Tensor {
    let name: String
    let dtype: DType
    let shape: [Int]
    /// From the first element to the last, row-major.
    let bytes: MappedBytes
    /// Bytes from one row (of the last dimension) to the next.
    let rowByteStride: Int
  }

  let configuration: JSONValue
  /// Name of the file of tensors.
  let weightsName: String
  let tensors: [Tensor]
  /// Names of what lies beside the tensors.
  let others: [String]

  init(_ path: String) throws {
    func failure(_ problem: AdapterError.Problem) -> AdapterError { AdapterError(path: path, problems: [problem]) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else { throw failure(.missing) }
    guard exists(PEFTAdapter.configurationName) else {
      if exists(PEFTAdapter.trainedRowsName) { throw failure(.trainedRowsAlone) }
      // Trainers like to save one folder further down.
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      throw failure(.noConfiguration(subfolder: names.sorted().first { exists("\($0)/\(PEFTAdapter.configurationName)") }))
    }
    guard let name = [PEFTAdapter.weightsName, PEFTAdapter.oldWeightsName].first(where: exists) else { throw failure(.noWeights) }
    weightsName = name
    do {
      configuration = try PEFTFiles.configuration(at: "\(path)/\(PEFTAdapter.configurationName)")
      (tensors, others) = try PEFTFiles.tensors(of: "\(path)/\(name)")
    } catch {
      throw failure(AdapterError.Problem(error, file: path))
    }
    if tensors.isEmpty { throw failure(.noTensors(file: name, byteCount: try MappedFile.open("\(path)/\(name)").count)) }
  }

  private static func configuration(at path: String) throws -> JSONValue {
    let bytes = try MappedFile.open(path)
    if bytes.withUnsafeBytes({ $0.starts(with: "version https://git-lfs".utf8) }) {
      throw CheckpointError(path: path, reason: .gitLFSPointer)
    }
    return try JSONValue(parsing: bytes, path: path)
  }

  private static func tensors(of path: String) throws -> (tensors: [Tensor], others: [String]) {
    if path.hasSuffix(".bin") {
      let file = try TorchFile.open(path)
      let tensors = file.tensors.map {
        Tensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes, rowByteStride: $0.rowByteStride)
      }
      return (tensors, file.otherValues)
    }
    let tensors = try SafetensorsFile.open(path).tensors.map { tensor in
      // An empty tensor may have any numbers for dimensions.
      let rowByteStride = tensor.shape.contains(0) ? 0 : (tensor.shape.last ?? 1) * tensor.dtype.byteCount
      return Tensor(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.bytes, rowByteStride: rowByteStride)
    }
    return (tensors, [])
  }
}
