import Checkpoints

extension WeightCollection {
  /// Adds one safetensors file; what is wrong with it becomes a problem.
  mutating func addShard(named name: String, _ open: () throws -> SafetensorsFile) {
    do {
      add(try open(), named: name)
    } catch {
      addUnreadable(BaseError.Problem(error, file: name))
    }
  }

  /// Adds the shards that the index names, and finds where index and shards disagree.
  mutating func addIndexedShards(of folder: BaseFolder) {
    let indexName = BaseFolder.indexName
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
      var tensors: Set<String> = []
      addShard(named: shard) {
        let file = try SafetensorsFile.open(folder.file(shard))
        tensors = Set(file.tensors.map(\.name))
        return file
      }
      if let tensor = promised.first(where: { !tensors.contains($0) }), !tensors.isEmpty {
        addUnreadable(.notInShard(index: indexName, shard: shard, tensor: tensor))
      }
    }
  }
}
