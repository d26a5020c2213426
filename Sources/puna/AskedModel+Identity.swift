import Adapters
import CPUBackend
import Checkpoints

extension AskedModel {
  /// A text that differs when anything differs that decides what this model answers.
  func identity(on backend: CPUBackend, seed: UInt64) throws -> String {
    var digest = SHA256()
    for id in 0..<Int32(clamping: tokenizer.vocabularySize) { digest.update(try tokenizer.piece(id) + "\n") }
    for (adapter, weight) in adapters {
      for module in adapter.modules.sorted(by: { ($0.layer, $0.projection.rawValue) < ($1.layer, $1.projection.rawValue) }) {
        digest.update("\(module.layer) \(module.projection.rawValue) \(module.scale * weight)\n")
        for values in [module.a, module.b] { values.withUnsafeBytes { digest.update($0) } }
      }
    }
    let template = try encoder?.template.json() ?? ""
    return [
      Puna.version, base.fingerprint(), digest.hexDigest(), template, "\(backend.precision) \(backend.instructionSet) \(seed)",
    ].joined(separator: "\n")
  }
}
