import Bases

/// The adapters that a merge folds into a base, in order.
///
/// With them goes what they stand on: an adapter that was trained over frozen ones comes after those. What an adapter contains already,
/// such as one that it continued, is refused beside it. For each weight the merge goes through the inputs in order: a saved weight
/// replaces what there is, then `weight · delta` is added. A tied head begins as the embedding and stays what it is when an input
/// changes the embedding alone, as in PEFT: where the two differ in the end, they are stored apart.
public struct MergeInputs: Sendable {
  public struct Input: Sendable {
    public let adapter: PEFTAdapter
    /// Factor of its deltas; 1 for an adapter with DoRA or saved weights.
    public let weight: Double
  }

  public let inputs: [Input]
  /// What a person should know, those of the adapters included.
  public let notes: [String]

  /// Opens the adapters that a user named, and those below them.
  ///
  /// - Throws: `AdapterError` with everything that is wrong with one of them or with the list.
  public static func open(
    _ adapters: [(path: String, weight: Double)], for base: Base, allowOtherBase: Bool = false
  ) throws -> MergeInputs {
    let inputs = try adapters.map {
      Input(adapter: try PEFTAdapter.open($0.path, for: base, use: .merging, allowOtherBase: allowOtherBase), weight: $0.weight)
    }
    return MergeInputs(inputs: inputs, notes: inputs.flatMap(\.adapter.notes))
  }
}
