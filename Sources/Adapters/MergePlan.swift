import Bases
import Llama
import Tensors

/// A tensor of the merged model, and what it is made of.
package struct MergedTensor: Sendable {
  /// In Hugging Face naming, as the shape's rows are in Hugging Face order.
  package let name: String
  package let shape: [Int]
  /// What it is stored as.
  package let dtype: DType
  /// The base's weight, or the one an adapter puts in its place.
  package let source: StoredWeight
  /// Deltas with their factors, in an order that does not depend on that of the adapters.
  package let terms: [Term]
  /// DoRA's length of each row.
  package let magnitude: [Float]?

  package struct Term: Sendable {
    package let factor: Double
    package let delta: PEFTAdapter.Delta
  }

  package var rows: Int { shape.count == 2 ? shape[0] : 1 }
  package var columns: Int { shape.last ?? 1 }
  package var byteCount: Int { shape.reduce(dtype.byteCount, *) }
  /// Its bytes are the source's.
  package var isCopy: Bool { terms.isEmpty && source.dtype == dtype }
  package var isChanged: Bool { !terms.isEmpty }
}

/// Which tensors a merge writes, and from what.
package struct MergePlan: Sendable {
  /// Of the merged model.
  package let configuration: LlamaConfiguration
  /// In the order of `configuration.expectedTensors`.
  package let tensors: [MergedTensor]
  package let notes: [String]

  package var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  private static let embedding = PEFTAdapter.embeddingName
  private static let head = PEFTAdapter.headName

  /// A weight on its way through the inputs.
  private struct Draft {
    var source: StoredWeight
    var terms: [MergedTensor.Term] = []
    var magnitude: [Float]?
    var isTouched = false
    var lastAdapter = ""
  }

  /// - Parameter dtype: What every tensor is stored as; nil keeps each tensor's own.
  /// - Throws: `MergeError` when an input does not fit the base or the others.
  package init(base: Base, inputs: [AdapterStack.Input], dtype: DType?) throws {
    var drafts = base.weights.mapValues { Draft(source: $0) }
    let wasTied = base.configuration.tiesEmbeddings
    if wasTied, let embedding = base.weights[MergePlan.embedding] {
      drafts[MergePlan.head] = Draft(source: StoredWeight(name: MergePlan.head, shape: embedding.shape, segments: embedding.segments))
    }
    var problems: [MergeProblem] = []
    for input in inputs {
      MergePlan.apply(input, to: &drafts, &problems)
    }
    guard problems.isEmpty else { throw MergeError(problems) }

    var configuration = base.configuration
    var notes: [String] = []
    if wasTied, let embedding = drafts[MergePlan.embedding], let head = drafts[MergePlan.head] {
      if MergePlan.areSame(embedding, head) {
        drafts[MergePlan.head] = nil
      } else {
        configuration.tiesEmbeddings = false
        notes.append("the output head is no longer the embedding: they are stored apart ('tie_word_embeddings' is false).")
      }
    }
    if let embedding = drafts[MergePlan.embedding] {
      let rows = embedding.source.shape[0]
      if let head = drafts[MergePlan.head], head.source.shape[0] != rows {
        let adapter = [head.lastAdapter, embedding.lastAdapter].first { !$0.isEmpty } ?? base.path
        throw MergeError([.vocabularies(embedding: rows, head: head.source.shape[0], adapter: adapter)])
      }
      if rows != configuration.vocabularySize {
        notes.append("the vocabulary grows from \(configuration.vocabularySize) to \(rows).")
        configuration.vocabularySize = rows
      }
    }
    self.configuration = configuration
    self.notes = notes
    tensors = configuration.expectedTensors.compactMap { expected in
      drafts[expected.name].map { draft in
        MergedTensor(
          name: expected.name, shape: draft.source.shape,
          dtype: dtype ?? (base.weights[expected.name] ?? base.weights[MergePlan.embedding])?.dtype ?? base.dtype,
          source: draft.source, terms: draft.terms.sorted(by: MergePlan.precedes), magnitude: draft.magnitude)
      }
    }
  }

  private static func apply(_ input: AdapterStack.Input, to drafts: inout [String: Draft], _ problems: inout [MergeProblem]) {
    let path = input.adapter.path
    for (name, weight) in input.adapter.savedWeights.sorted(by: { $0.key < $1.key }) {
      guard drafts[name] != nil else {
        problems.append(.noSuchWeight(tensor: name, adapter: path))
        continue
      }
      drafts[name] = Draft(source: weight, isTouched: true, lastAdapter: path)
    }
    for delta in input.adapter.deltas where !delta.isZero {
      guard var draft = drafts[delta.weightName] else {
        problems.append(.noSuchWeight(tensor: delta.weightName, adapter: path))
        continue
      }
      guard draft.source.shape == [delta.rows, delta.columns] else {
        problems.append(
          .deltaShape(tensor: delta.weightName, adapter: path, delta: [delta.rows, delta.columns], weight: draft.source.shape))
        continue
      }
      if draft.magnitude != nil || (delta.magnitude != nil && (!draft.terms.isEmpty || input.weight != 1)) {
        problems.append(.magnitudeAmongOthers(delta.weightName))
        continue
      }
      draft.terms.append(MergedTensor.Term(factor: input.weight * delta.scale, delta: delta))
      draft.magnitude = delta.magnitude
      draft.isTouched = true
      draft.lastAdapter = path
      drafts[delta.weightName] = draft
    }
  }

  /// Whether an embedding and a head that began as one are one still.
  private static func areSame(_ embedding: Draft, _ head: Draft) -> Bool {
    if !embedding.isTouched && !head.isTouched { return true }
    guard embedding.terms.isEmpty, head.terms.isEmpty else { return false }
    return embedding.source.hasSameBytes(as: head.source)
  }

  /// Addition is not associative: an order by content makes the sum of three adapters the same whatever theirs was.
  private static func precedes(_ first: MergedTensor.Term, _ second: MergedTensor.Term) -> Bool {
    if first.factor != second.factor { return first.factor < second.factor }
    if first.delta.a != second.delta.a { return first.delta.a.lexicographicallyPrecedes(second.delta.a) }
    return first.delta.b.lexicographicallyPrecedes(second.delta.b)
  }
}
