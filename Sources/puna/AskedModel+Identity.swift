import Adapters
import CPUBackend

extension AskedModel {
  /// A text that differs when anything differs that decides what this model answers.
  func identity(baseFingerprint: String, on backend: CPUBackend, seed: UInt64) throws -> String {
    let template = try encoder?.template.json() ?? ""
    return
      ([Puna.version, baseFingerprint, try tokenizer.fingerprint(), template, "\(backend.precision) \(backend.instructionSet) \(seed)"]
      + adapted.adapters.map { "\($0.adapter.fingerprint()) \($0.weight)" }).joined(separator: "\n")
  }
}
