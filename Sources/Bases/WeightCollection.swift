import Checkpoints
import Llama
import Tensors

/// Gathers the tensors of a base from whatever files hold them, and holds them against the configuration.
struct WeightCollection {
  private(set) var weights: [String: StoredWeight] = [:]
  private(set) var shards: [Base.Shard] = []
  private(set) var problems: [BaseError.Problem] = []
  /// The file of each tensor, for messages.
  private var files: [String: String] = [:]

  /// Part of the base could not be read: what it holds is unknown, so that nothing can be called missing.
  private var isIncomplete = false

  mutating func addUnreadable(_ problem: BaseError.Problem) {
    problems.append(problem)
    isIncomplete = true
  }

  mutating func add(_ weight: StoredWeight, from file: String) {
    if let other = files[weight.name] {
      problems.append(.duplicateTensor(tensor: weight.name, files: [other, file]))
      return
    }
    files[weight.name] = file
    weights[weight.name] = weight
  }

  /// Adds every tensor of a shard.
  mutating func add(_ file: ShardFile) {
    shards.append(file.shard)
    for tensor in file.tensors where !WeightCollection.isKnownLeftover(tensor.name) {
      guard tensor.dtype.isWeightType else {
        problems.append(.wrongDType(file: file.name, tensor: tensor.name, dtype: tensor.dtype))
        files[tensor.name] = file.name
        continue
      }
      // A tensor of another rank or without elements fails the comparison of shapes; it needs no segment.
      let segments = tensor.segment().map { [$0] } ?? []
      add(StoredWeight(name: tensor.name, shape: tensor.shape, segments: segments), from: file.name)
    }
  }

  /// Rotary frequencies, which old checkpoints carry and which are always computed here.
  static func isKnownLeftover(_ name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }

  /// Whether a tensor of this name was met, usable or not.
  func contains(_ name: String) -> Bool { files[name] != nil }

  /// Compares everything gathered with what `configuration` implies; drops a tied head that repeats the embedding.
  mutating func check(against configuration: LlamaConfiguration) {
    var missing: [String] = []
    var expectedNames: Set<String> = []
    for expected in configuration.expectedTensors {
      expectedNames.insert(expected.name)
      guard let weight = weights[expected.name] else {
        if !contains(expected.name) { missing.append(expected.name) }
        continue
      }
      if weight.shape != expected.shape {
        problems.append(
          .wrongShape(file: files[expected.name] ?? "", tensor: expected.name, found: weight.shape, expected: expected.shape))
      }
    }
    let headName = "lm_head.weight"
    if configuration.tiesEmbeddings, let head = weights[headName], let embedding = weights["model.embed_tokens.weight"] {
      expectedNames.insert(headName)
      let hasShape = embedding.shape == [configuration.vocabularySize, configuration.hiddenSize]
      if hasShape, head.hasSameBytes(as: embedding) {
        weights[headName] = nil
      } else if hasShape {
        problems.append(.tiedHeadDiffers(file: files[headName] ?? ""))
      }
    }
    let unexpected = weights.keys.filter { !expectedNames.contains($0) }.sorted()
    if !missing.isEmpty, !isIncomplete { problems.append(.missingTensors(missing)) }
    if !unexpected.isEmpty { problems.append(.unexpectedTensors(unexpected)) }
  }
}
