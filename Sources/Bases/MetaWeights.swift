import Checkpoints
import Llama
import Tensors

/// Joins the tensors of Meta's shards to weights in Hugging Face naming and row order, in place. Parts may differ in size.
struct MetaWeights {
  private let parameters: MetaParameters
  private let files: [ShardFile]
  /// Each shard's tensors by name.
  private let shards: [[String: ShardTensor]]
  private(set) var weights: [String: StoredWeight] = [:]
  private(set) var problems: [BaseError.Problem] = []
  private(set) var configuration: LlamaConfiguration?

  init(_ parameters: MetaParameters, files: [ShardFile]) {
    self.parameters = parameters
    self.files = files
    shards = files.map { file in Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }) }
    guard let vocabularySize = vocabularySize() else { return }
    let shape = parameters.configuration(vocabularySize: vocabularySize, tiesEmbeddings: false)
    guard shardsAreComplete(shape), widthsAgree(shape) else { return }

    let isByRows = shards.allSatisfy { $0[MetaTensor.embedding]?.shape.last == shape.hiddenSize }
    let expected = MetaTensor.all(of: shape, embeddingByRows: isByRows)
    findStrangers(Set(expected.map(\.name)))
    for tensor in expected { join(tensor) }
    guard problems.isEmpty else { return }
    let isTied = weights["lm_head.weight"].flatMap { head in weights["model.embed_tokens.weight"]?.hasSameBytes(as: head) } ?? false
    if isTied { weights["lm_head.weight"] = nil }
    configuration = parameters.configuration(vocabularySize: vocabularySize, tiesEmbeddings: isTied)
  }

  // MARK: - What must agree before tensors are looked at one by one

  /// Of params.json, else the rows of the head; nil after a problem.
  private mutating func vocabularySize() -> Int? {
    if let size = parameters.vocabularySize { return size }
    let rows = rowCount(MetaTensor.head)
    guard rows > 0, rows <= 1 << 24 else {
      problems.append(
        rows == 0 ? .missingTensors([MetaTensor.head]) : .contradiction(file: files[0].name, message: "has a head of \(rows) rows."))
      return nil
    }
    return rows
  }

  /// Rows of a matrix over all shards, as far as they have it.
  private func rowCount(_ name: String) -> Int {
    shards.reduce(0) { sum, shard in
      guard let tensor = shard[name], tensor.shape.count == 2 else { return sum }
      return min(sum + min(tensor.shape[0], 1 << 25), 1 << 25)
    }
  }

  /// Shards lost at the end cannot be told by their names.
  private mutating func shardsAreComplete(_ shape: LlamaConfiguration) -> Bool {
    let name = "layers.0.attention.wq.weight"
    guard let first = shards[0][name], first.shape.count == 2, first.shape[1] == shape.hiddenSize, first.shape[0] > 0 else { return true }
    let rows = first.shape[0]
    let count = shape.queryWidth / rows
    guard rowCount(name) == rows * shards.count, count * rows == shape.queryWidth, count > shards.count else { return true }
    problems.append(
      .contradiction(
        file: files[0].name,
        message: "'\(name)' has \(rows) of \(shape.queryWidth) rows, so there should be \(count) shards; found \(shards.count)."))
    return false
  }

  private mutating func widthsAgree(_ shape: LlamaConfiguration) -> Bool {
    let name = "layers.0.feed_forward.w1.weight"
    let found = rowCount(name)
    guard found > 0, found <= 1 << 22, found != shape.intermediateSize,
      shards.allSatisfy({ $0[name]?.shape.count == 2 && $0[name]?.shape.last == shape.hiddenSize })
    else { return true }
    let multiplier = parameters.feedForwardMultiplier.map { "'ffn_dim_multiplier' \($0)" } ?? "no 'ffn_dim_multiplier'"
    problems.append(
      .contradiction(
        file: parameters.file,
        message: "'dim' \(shape.hiddenSize), 'multiple_of' \(parameters.multipleOf) and \(multiplier) make a feed-forward layer of "
          + "\(shape.intermediateSize), but '\(name)' has \(found) rows. \(parameters.advice(forFeedForwardWidth: found))"))
    return false
  }

  private mutating func findStrangers(_ expected: Set<String>) {
    let found = shards.reduce(into: Set<String>()) { $0.formUnion($1.keys) }
    let missing = expected.subtracting(found).sorted()
    // Rotary frequencies, which are always computed here.
    let unexpected = found.subtracting(expected).filter { $0 != "rope.freqs" }.sorted()
    if !missing.isEmpty { problems.append(.missingTensors(missing)) }
    if !unexpected.isEmpty { problems.append(.unexpectedTensors(unexpected, configuration: parameters.file)) }
  }

  // MARK: - Tensors

  /// Adds the weight, or what is wrong with its parts.
  private mutating func join(_ tensor: MetaTensor) {
    let parts = shards.compactMap { $0[tensor.name] }
    guard !parts.isEmpty else { return }
    if let index = shards.firstIndex(where: { $0[tensor.name] == nil }) {
      let holder = shards.firstIndex { $0[tensor.name] != nil } ?? 0
      problems.append(.contradiction(file: files[index].name, message: "lacks '\(tensor.name)', which \(files[holder].name) holds."))
      return
    }
    for (part, file) in zip(parts, files) {
      guard part.dtype.isWeightType else { return problems.append(.wrongDType(file: file.name, tensor: tensor.name, dtype: part.dtype)) }
      guard part.dtype == parts[0].dtype else {
        let types = "is \(part.dtype.safetensorsName), but \(parts[0].dtype.safetensorsName) in \(files[0].name)"
        return problems.append(.contradiction(file: file.name, message: "'\(tensor.name)' \(types)."))
      }
    }
    let segments: [WeightSegment]?
    switch tensor.split {
    case .rows(let headDimension): segments = MetaWeights.rows(parts, tensor.shape, headDimension)
    case .columns: segments = MetaWeights.columns(parts, tensor.shape)
    case .keyValueRows(let headDimension):
      let firsts = distinct(parts, of: tensor)
      segments = firsts.flatMap { MetaWeights.rows($0, tensor.shape, headDimension) }
    case .copies:
      let hasShape = parts.allSatisfy { $0.shape == tensor.shape }
      if hasShape { compare(parts, of: tensor) }
      segments = hasShape ? parts[0].segment().map { [$0] } : nil
    }
    guard let segments else {
      problems.append(
        parts.count == 1
          ? .wrongShape(
            file: files[0].name, tensor: tensor.name, found: parts[0].shape, expected: tensor.shape, configuration: parameters.file)
          : .wrongParts(
            files: files.map(\.name), tensor: tensor.name, found: parts.map(\.shape), expected: tensor.shape,
            configuration: parameters.file))
      return
    }
    weights[tensor.weight] = StoredWeight(name: tensor.weight, shape: tensor.shape, segments: segments)
  }

  /// One of each run of equal parts, when the parts have a multiple of the rows that are needed.
  private mutating func distinct(_ parts: [ShardTensor], of tensor: MetaTensor) -> [ShardTensor]? {
    let rows = rowCount(tensor.name)
    let copies = rows / tensor.shape[0]
    guard copies > 1, copies * tensor.shape[0] == rows, parts.count % copies == 0 else { return parts }
    for start in stride(from: 0, to: parts.count, by: copies) { compare(Array(parts[start..<start + copies]), of: tensor, from: start) }
    return stride(from: 0, to: parts.count, by: copies).map { parts[$0] }
  }

  /// Parts that must be the same, from shard `start` on.
  private mutating func compare(_ parts: [ShardTensor], of tensor: MetaTensor, from start: Int = 0) {
    func weight(_ part: ShardTensor) -> StoredWeight? {
      part.segment().map { StoredWeight(name: tensor.weight, shape: part.shape, segments: [$0]) }
    }
    guard let first = weight(parts[0]) else { return }
    for (index, part) in parts.enumerated().dropFirst() where weight(part).map({ !first.hasSameBytes(as: $0) }) ?? true {
      problems.append(
        .contradiction(
          file: files[start + index].name,
          message: "'\(tensor.name)' differs from that in \(files[start].name), of which it must be a copy."))
    }
  }

  // MARK: - Segments

  /// Nil when the parts do not make up the whole.
  private static func rows(_ parts: [ShardTensor], _ shape: [Int], _ headDimension: Int?) -> [WeightSegment]? {
    var segments: [WeightSegment?] = []
    var row = 0
    for part in parts {
      guard part.shape.count == 2, part.shape[1] == shape[1], part.shape[0] <= shape[0] - row, part.shape[0] > 0 else { return nil }
      segments += headDimension.map { part.rotarySegments(row: row, headDimension: $0) } ?? [part.segment(row: row)]
      row += part.shape[0]
    }
    return row == shape[0] ? segments.compactMap(\.self) : nil
  }

  private static func columns(_ parts: [ShardTensor], _ shape: [Int]) -> [WeightSegment]? {
    var segments: [WeightSegment?] = []
    var column = 0
    for part in parts {
      guard part.shape.count == 2, part.shape[0] == shape[0], part.shape[1] <= shape[1] - column, part.shape[1] > 0 else { return nil }
      segments.append(part.segment(column: column))
      column += part.shape[1]
    }
    return column == shape[1] ? segments.compactMap(\.self) : nil
  }
}

extension ShardTensor {
  /// Segments of rows in Meta's rotary order that begin at row `begin` of the whole. Heads that lie in one piece stay one segment; of a
  /// head that is cut, every second row belongs to either half.
  fileprivate func rotarySegments(row begin: Int, headDimension: Int) -> [WeightSegment?] {
    let end = begin + shape[0]
    let firstWhole = (begin + headDimension - 1) / headDimension * headDimension
    let lastWhole = end / headDimension * headDimension
    guard firstWhole <= lastWhole else { return cutSegments(begin..<end, from: begin, headDimension) }
    let whole = segment(
      rowsFrom: firstWhole - begin, by: 1, count: lastWhole - firstWhole, row: firstWhole, order: .metaRotary(headDimension: headDimension))
    return cutSegments(begin..<firstWhole, from: begin, headDimension) + [whole] + cutSegments(lastWhole..<end, from: begin, headDimension)
  }

  /// - Parameter rows: Of the whole, in Meta's order, all in one head.
  private func cutSegments(_ rows: Range<Int>, from begin: Int, _ headDimension: Int) -> [WeightSegment?] {
    let head = rows.lowerBound / headDimension * headDimension
    return [0, 1].map { half in
      let first = rows.lowerBound + (rows.lowerBound - head + half) % 2
      let row = head + half * headDimension / 2 + (first - head) / 2
      return segment(rowsFrom: first - begin, by: 2, count: (rows.upperBound - first + 1) / 2, row: row)
    }
  }
}
