import Llama

/// A tensor in Meta's naming, and how it is spread over shards.
///
/// Each of n shards holds a part of every matrix: rows of `wq`, `wk`, `wv`, `w1`, `w3` and `output`, columns of `wo` and `w2`, and of
/// `tok_embeddings` columns in LLaMA 1 and 2, rows in Llama 3. Vectors are in every shard. With more shards than KV heads `wk` and `wv`
/// repeat: shards that follow each other hold the same head.
package struct MetaTensor: Sendable {
  package enum Split: Sendable, Equatable {
    /// With the head dimension where rows are in Meta's rotary order.
    case rows(headDimension: Int?)
    /// Rows that may occur several times.
    case keyValueRows(headDimension: Int?)
    case columns
    case copies
  }

  /// Meta's name and Hugging Face's.
  package let name: String
  package let weight: String
  package let split: Split
  /// Of the whole.
  package let shape: [Int]

  /// Of the heads whose rows Meta stores in another order than Hugging Face; nil for all other tensors.
  package var headDimension: Int? {
    switch split {
    case .rows(let headDimension), .keyValueRows(let headDimension): headDimension
    case .columns, .copies: nil
    }
  }

  /// Hugging Face's row of one of Meta's: within a head, even rows are those of its first half and odd ones of its second.
  package func huggingFaceRow(of row: Int) -> Int {
    guard let headDimension else { return row }
    let index = row % headDimension
    return row - index + index % 2 * (headDimension / 2) + index / 2
  }

  static let embedding = "tok_embeddings.weight"
  static let head = "output.weight"

  /// Every tensor of a network; the head too where it is tied, since Meta writes it out.
  package static func all(of shape: LlamaConfiguration, embeddingByRows: Bool) -> [MetaTensor] {
    let vocabulary = [shape.vocabularySize, shape.hiddenSize]
    var tensors = [
      MetaTensor(
        name: embedding, weight: "model.embed_tokens.weight", split: embeddingByRows ? .rows(headDimension: nil) : .columns,
        shape: vocabulary),
      MetaTensor(name: head, weight: "lm_head.weight", split: .rows(headDimension: nil), shape: vocabulary),
      MetaTensor(name: "norm.weight", weight: "model.norm.weight", split: .copies, shape: [shape.hiddenSize]),
    ]
    for layer in 0..<shape.layerCount {
      for projection in Projection.allCases {
        let (outputs, inputs) = projection.shape(in: shape)
        let (name, split) = part(projection, headDimension: shape.headDimension)
        tensors.append(
          MetaTensor(
            name: "layers.\(layer).\(name).weight", weight: projection.weightName(layer: layer), split: split, shape: [outputs, inputs]))
      }
      for (name, norm) in [("attention_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")] {
        tensors.append(
          MetaTensor(
            name: "layers.\(layer).\(name).weight", weight: "model.layers.\(layer).\(norm).weight", split: .copies,
            shape: [shape.hiddenSize]))
      }
    }
    return tensors
  }

  private static func part(_ projection: Projection, headDimension: Int) -> (name: String, split: Split) {
    switch projection {
    case .q: ("attention.wq", .rows(headDimension: headDimension))
    case .k: ("attention.wk", .keyValueRows(headDimension: headDimension))
    case .v: ("attention.wv", .keyValueRows(headDimension: nil))
    case .o: ("attention.wo", .columns)
    case .gate: ("feed_forward.w1", .rows(headDimension: nil))
    case .up: ("feed_forward.w3", .rows(headDimension: nil))
    case .down: ("feed_forward.w2", .columns)
    }
  }
}
