import Bases
import Checkpoints
import JSON
import Llama
import TestSupport
import Testing

/// The tiny base as Meta would ship it, in any number of shards.
struct TinyMeta {
  typealias StoredTensor = TinyBase.StoredTensor

  /// Members of `params.json`.
  var parameters: [String: JSONValue] = [
    "dim": .integer(8), "n_layers": .integer(2), "n_heads": .integer(2), "n_kv_heads": .integer(1), "vocab_size": .integer(-1),
    "multiple_of": .integer(4), "ffn_dim_multiplier": .number(0.55), "norm_eps": .number(1e-5),
  ]
  /// The tensors of each shard, in Meta's naming and row order.
  var shards: [[StoredTensor]]

  /// - Parameters:
  ///   - embeddingByRows: As in Llama 3.
  ///   - repeatsKeyValueHeads: Every shard has the one KV head, whole.
  init(_ tiny: TinyBase, shardCount: Int, embeddingByRows: Bool = false, repeatsKeyValueHeads: Bool = false) {
    shards = [[StoredTensor]](repeating: [], count: shardCount)
    for tensor in tiny.tensors {
      let name = TinyMeta.name(of: tensor.name)
      let size = tensor.dtype == "F32" ? 4 : 2
      let columns = tensor.shape.last ?? 1
      let rows = TinyMeta.rotaryOrder(name, rowCount: tensor.shape.count == 2 ? tensor.shape[0] : 1)
      let isByColumns = [".wo.", ".w2."].contains { name.contains($0) } || (name.hasPrefix("tok") && !embeddingByRows)
      let isCopy = tensor.shape.count == 1 || (repeatsKeyValueHeads && [".wk.", ".wv."].contains { name.contains($0) })
      for shard in 0..<shardCount {
        let ownRows = isCopy || isByColumns ? 0..<rows.count : TinyMeta.part(shard, of: shardCount, count: rows.count)
        let ownColumns = isByColumns ? TinyMeta.part(shard, of: shardCount, count: columns) : 0..<columns
        let bytes = rows[ownRows].flatMap { row in
          tensor.bytes[(row * columns + ownColumns.lowerBound) * size..<(row * columns + ownColumns.upperBound) * size]
        }
        shards[shard].append((name, tensor.dtype, tensor.shape.count == 1 ? tensor.shape : [ownRows.count, ownColumns.count], bytes))
      }
    }
    for shard in 0..<shardCount { shards[shard].append(("rope.freqs", "F32", [2], [UInt8](repeating: 0, count: 8))) }
  }

  /// Equal parts, the remainder in the last.
  private static func part(_ shard: Int, of shardCount: Int, count: Int) -> Range<Int> {
    let size = count / shardCount
    return shard * size..<(shard == shardCount - 1 ? count : (shard + 1) * size)
  }

  /// For each of Meta's rows the row of Hugging Face, within heads of 4 rows.
  private static func rotaryOrder(_ name: String, rowCount: Int) -> [Int] {
    guard name.contains(".wq.") || name.contains(".wk.") else { return Array(0..<rowCount) }
    return (0..<rowCount).map { row in row / 4 * 4 + (row % 2) * 2 + row % 4 / 2 }
  }

  private static let names = [
    "model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output", "model.layers": "layers",
    "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk", "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3", "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
  ]

  private static func name(of weight: String) -> String {
    names.reduce(weight) { $0.replacing($1.key, with: $1.value) }
  }

  /// The tensor `name` of one shard.
  subscript(name: String, shard shard: Int) -> StoredTensor {
    get { shards[shard].first { $0.name == name } ?? (name, "", [], []) }
    set { shards[shard] = shards[shard].map { $0.name == name ? newValue : $0 } }
  }

  static func shardName(_ shard: Int) -> String { "consolidated.0\(shard).pth" }

  func write(to folder: TemporaryFolder, in prefix: String = "") throws {
    try folder.write(JSONValue.object(parameters).text, to: prefix + "params.json")
    for (index, tensors) in shards.enumerated() { try folder.write(TorchBytes.archive(tensors), to: prefix + TinyMeta.shardName(index)) }
  }

  func open() throws -> Base {
    let folder = try TemporaryFolder()
    try write(to: folder)
    return try Base.open(folder.path)
  }

  /// What is wrong, for a folder called `m`.
  func problems() throws -> [String] {
    try #require(throws: BaseError.self) { try open() }.problems.map { $0.text(in: "m") }
  }
}
