import Checkpoints
import Llama

/// The rotary keys of `config.json`: `rope_theta` and `rope_scaling` (transformers 4), or one object `rope_parameters` (5).
struct RotaryFields {
  private let fields: ConfigurationFields

  init(_ fields: ConfigurationFields) { self.fields = fields }

  func read(_ problems: inout [BaseError.Problem]) -> (theta: Double, scaling: RotaryScaling) {
    var theta: Double?
    var scaling: RotaryScaling?
    if fields["rope_theta"] != nil { theta = fields.positive("rope_theta", &problems) }
    refusePartialRotation(fields, &problems)
    // Some folders were written by one version and patched for the other: both spellings, which must agree.
    for key in ["rope_parameters", "rope_scaling"] {
      guard let object = fields[key] else { continue }
      let members = ConfigurationFields(object, file: fields.file)
      guard members.problems.isEmpty else {
        problems.append(.badValue(file: fields.file, key: key, found: object.excerpt, expected: "an object"))
        continue
      }
      refusePartialRotation(members, &problems)
      if members["rope_theta"] != nil {
        let own = members.positive("rope_theta", &problems)
        if let theta, theta != own { problems.append(contradiction("'rope_theta' is \(theta) and, in '\(key)', \(own).")) }
        theta = own
      }
      guard let own = readScaling(key, members, &problems) else { continue }
      if let scaling, scaling != own { problems.append(contradiction("'rope_parameters' and 'rope_scaling' disagree.")) }
      scaling = own
    }
    return (theta ?? 10_000, scaling ?? .none)
  }

  /// Nil after a problem.
  private func readScaling(_ key: String, _ members: ConfigurationFields, _ problems: inout [BaseError.Problem]) -> RotaryScaling? {
    let names = ["rope_type", "type"].compactMap { members[$0] }
    if let first = names.first, let second = names.last, first != second {
      problems.append(contradiction("'rope_type' is \(first.excerpt) and 'type' \(second.excerpt) in '\(key)'."))
      return nil
    }
    let problemCount = problems.count
    let scaling: RotaryScaling
    switch names.first {
    case nil, .string("default"): scaling = .none
    case .string("linear"): scaling = .linear(factor: members.positive("factor", &problems))
    case .string("llama3"):
      let low = members.positive("low_freq_factor", &problems)
      let high = members.positive("high_freq_factor", &problems)
      scaling = .llama3(
        factor: members.positive("factor", &problems), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalPositions: members.count("original_max_position_embeddings", upTo: 1 << 30, &problems))
      if problems.count == problemCount, low >= high {
        problems.append(contradiction("'low_freq_factor' (\(low)) must be below 'high_freq_factor' (\(high)) in '\(key)'."))
      }
    case .some(let other):
      problems.append(
        .refused(
          file: fields.file, key: "\(key).rope_type", value: other.excerpt,
          advice: "Known are \"default\", \"linear\" and \"llama3\"."))
      return nil
    }
    return problems.count == problemCount ? scaling : nil
  }

  private func refusePartialRotation(_ members: ConfigurationFields, _ problems: inout [BaseError.Problem]) {
    guard let factor = members["partial_rotary_factor"], factor.double != 1 else { return }
    problems.append(
      .refused(file: fields.file, key: "partial_rotary_factor", value: factor.excerpt, advice: "LLaMA rotates whole heads."))
  }

  private func contradiction(_ message: String) -> BaseError.Problem { .contradiction(file: fields.file, message: message) }
}
