import Llama
import Tensors

/// The tensors of an adapter file, handed out once each; what is left over is a problem.
struct PEFTTensors {
  private let file: String
  private var remaining: [PEFTTensorName: PEFTFiles.Tensor] = [:]
  private var missing: [PEFTTensorName] = []
  private var unexpected: [String] = []
  private(set) var problems: [AdapterError.Problem] = []

  init(_ files: PEFTFiles, weights: [String]) {
    file = files.weightsName
    let weights = Set(weights)
    var adapters: Set<String> = []
    for tensor in files.tensors {
      guard let (name, adapter) = PEFTTensorName.parse(tensor.name, weights: weights) else {
        unexpected.append(tensor.name)
        continue
      }
      if let adapter { adapters.insert(adapter) }
      guard let other = remaining.updateValue(tensor, forKey: name) else { continue }
      // PEFT writes a resized embedding that is saved anyway under two names.
      if !other.hasSameElements(as: tensor) {
        problems.append(.contradiction(file: file, tensor: other.name, other: tensor.name))
      }
    }
    if adapters.count > 1 { problems = [.severalAdapters(file: file, names: adapters.sorted())] }
  }

  /// The weights that replace the base's, by path of the module.
  var savedPaths: [String] { remaining.keys.filter { $0.part == .saved }.map(\.path).sorted() }

  /// Rows of the weight that replaces a module's; nil where none does.
  func savedRows(of path: String) -> Int? { remaining[PEFTTensorName(path: path, part: .saved)]?.shape.first }

  /// The elements in float32; nil after a problem.
  mutating func take(_ path: String, _ part: PEFTTensorName.Part, shape: [Int]) -> [Float]? {
    guard let tensor = take(path, part), fits(tensor, shape: shape) else { return nil }
    return tensor.floats()
  }

  /// A weight that replaces the base's, mapped; nil after a problem.
  mutating func takeSaved(_ path: String, shape: [Int]) -> StoredWeight? {
    guard let tensor = take(path, .saved), fits(tensor, shape: shape), let columns = shape.last else { return nil }
    // Its state before training is the base's own: the saved one takes its place.
    remaining[PEFTTensorName(path: path, part: .original)] = nil
    let segment = WeightSegment(
      bytes: tensor.bytes, dtype: tensor.dtype, rows: 0..<(shape.count == 2 ? shape[0] : 1), columns: 0..<columns,
      rowByteStride: tensor.rowByteStride)
    return StoredWeight(name: "\(path).weight", shape: shape, segments: [segment])
  }

  private mutating func take(_ path: String, _ part: PEFTTensorName.Part) -> PEFTFiles.Tensor? {
    let name = PEFTTensorName(path: path, part: part)
    guard let tensor = remaining.removeValue(forKey: name) else {
      missing.append(name)
      return nil
    }
    return tensor
  }

  private mutating func fits(_ tensor: PEFTFiles.Tensor, shape: [Int]) -> Bool {
    if tensor.shape != shape {
      problems.append(.wrongShape(file: file, tensor: tensor.name, found: tensor.shape, expected: shape))
    } else if !tensor.dtype.isWeightType {
      problems.append(.wrongDType(file: file, tensor: tensor.name, dtype: tensor.dtype))
    } else if let element = tensor.firstNotFinite {
      problems.append(.notFinite(file: file, tensor: tensor.name, element: element))
    } else {
      return true
    }
    return false
  }

  /// Everything that went wrong, with what is missing and what is left over.
  mutating func finish() -> [AdapterError.Problem] {
    let leftover = unexpected + remaining.values.map(\.name)
    // All names with the same beginning too much or too little are one mistake.
    for name in missing.prefix(1) {
      let text = name.text
      if let tensor = leftover.first(where: { $0.hasSuffix(".\(text.dropFirst(PEFTTensorName.prefix.count))") || text.hasSuffix(".\($0)") })
        ?? leftover.first(where: { $0.hasPrefix(PEFTTensorName.prefix) && text.hasSuffix(".\($0.dropFirst(PEFTTensorName.prefix.count))") })
      {
        return problems + [.otherPrefix(file: file, tensor: tensor, expected: text)]
      }
    }
    if !missing.isEmpty { problems.append(.missingTensors(file: file, missing.map(\.text))) }
    if !leftover.isEmpty { problems.append(.unexpectedTensors(file: file, leftover.sorted())) }
    return problems
  }
}
