import Checkpoints
import Tensors

extension WeightCollection {
  /// Adds one shard; what is wrong with it becomes a problem.
  ///
  /// - Returns: The names of its tensors; none when it cannot be read.
  @discardableResult
  mutating func addShard(named name: String, path: String, format: ShardFormat, _ bytes: () throws -> MappedBytes) -> Set<String> {
    do {
      let file = try ShardFile(bytes(), name: name, path: path, format: format)
      add(file)
      return Set(file.tensors.map(\.name))
    } catch {
      addUnreadable(BaseError.Problem(error, file: path))
      return []
    }
  }

  /// Adds the shards of a Hugging Face folder.
  mutating func add(_ shards: ShardSet, of folder: BaseFolder, format: ShardFormat) {
    switch shards {
    case .single(let name): add([name], of: folder, format: format)
    case .numbered(let names): add(names, of: folder, format: format)
    case .indexed(let index): addIndexed(index, of: folder, format: format)
    }
  }

  private mutating func add(_ names: [String], of folder: BaseFolder, format: ShardFormat) {
    for name in names { addShard(named: name, path: folder.file(name), format: format) { try MappedFile.open(folder.file(name)) } }
  }

  /// Adds the shards that the index names, and finds where index and shards disagree.
  private mutating func addIndexed(_ indexName: String, of folder: BaseFolder, format: ShardFormat) {
    let index: ShardIndex
    do {
      let path = folder.file(indexName)
      index = try ShardIndex(MappedFile.open(path), path: path)
    } catch {
      addUnreadable(BaseError.Problem(error, file: indexName))
      return
    }
    for shard in index.shardNames {
      let promised = index.tensors(in: shard)
      guard folder.contains(shard) else {
        addUnreadable(.absentShard(index: indexName, shard: shard, tensor: promised.first ?? ""))
        continue
      }
      let path = folder.file(shard)
      let tensors = addShard(named: shard, path: path, format: format) { try MappedFile.open(path) }
      if let tensor = promised.first(where: { !tensors.contains($0) }), !tensors.isEmpty {
        addUnreadable(.notInShard(index: indexName, shard: shard, tensor: tensor))
      }
    }
  }
}
