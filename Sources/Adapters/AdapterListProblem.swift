/// What can be wrong with a list of adapters; the path that goes with it is that of the adapter concerned.
public enum AdapterListProblem: Sendable, Equatable {
  /// `other` is the same adapter or another state of the same run.
  case twice(other: String)
  /// `other`, which is also in the list, was trained over this one and brings it.
  case alreadyBelow(other: String, weight: Double)
  /// Two adapters were trained over this one with different weights.
  case belowTwice(other: String, weight: Double, otherWeight: Double)
  /// `other` continued this one and contains it.
  case continued(by: String)
  /// An adapter below that has other weights than when this one was trained over it.
  case changedBelow(path: String, recorded: String, found: String)
  /// An adapter below that is not where the record of the run says.
  case missingBelow(path: String, record: String, folder: String)
  case badWeight(Double)
  /// What only goes with weight 1.
  case weightNotOne(weight: Double, of: String)
  case doRABesideOthers([String])
  /// An adapter for a vocabulary of `rows`, after one that made it `expected`.
  case otherVocabulary(tensor: String, rows: Int, expected: Int)
}

extension AdapterListProblem {
  func text(in path: String) -> String {
    switch self {
    case .twice(let other):
      return path == other
        ? "\(path): given twice. Give it once, with the sum of the weights."
        : "\(path) and \(other) are of the same run: each contains what the other learnt. Give one of them."
    case .alreadyBelow(let other, let weight):
      return "\(path): \(other) was trained over it and brings it (weight \(weight)). Leave it out."
    case .belowTwice(let other, let weight, let otherWeight):
      return "\(path): was below \(other) with weight \(otherWeight), but below another of these adapters with weight \(weight)."
    case .continued(let other): return "\(path): \(other) continued it and contains it already. Leave it out."
    case .changedBelow(let below, let recorded, let found):
      return
        "\(path): was trained over \(below) with fingerprint \(recorded.prefix(4))..., which is \(found.prefix(4))... now: it was trained "
        + "anew. Train \(path) again, or pass --allow-other-base to go on."
    case .missingBelow(let below, let record, let folder):
      return "\(path): was trained over \(below), which is not there. \(record) gives paths as they were seen from the folder where "
        + "the training was started; this is \(folder)."
    case .badWeight(let weight): return "\(path): its weight is \(weight); expected a finite number."
    case .weightNotOne(let weight, let what):
      return "\(path): has weight \(weight), but \(what) cannot be taken in part. Merge it with weight 1."
    case .doRABesideOthers(let others):
      return "\(path): DoRA scales the rows of its base, which \(others.joined(separator: ", ")) would change. Merge it alone."
    case .otherVocabulary(let tensor, let rows, let expected):
      return "\(path): its '\(tensor)' is for a vocabulary of \(rows), but the adapters before it make one of \(expected). "
        + "Give adapters in the order of their training."
    }
  }
}
