import Llama

extension LoRAOptions {
  /// The options of a run that continues `adapter`: its modules, rank, alpha, dropout and rsLoRA hold.
  ///
  /// An adapter of embeddings alone has none of these: what the recipe says begins anew on them. Where its modules differ in rank or alpha,
  /// `rank` and `alpha` are the configuration's; the modules' own are in the adapter.
  ///
  /// - Throws: `AdapterError` with everything that the recipe states otherwise.
  public func continuing(_ adapter: PEFTAdapter, at path: String) throws -> LoRAOptions {
    // Embeddings alone leave everything to the recipe.
    guard !adapter.modules.isEmpty else { return self }
    var options = self
    var problems: [AdapterError.Problem] = []
    func adopt<Value: Equatable>(_ key: String, _ option: WritableKeyPath<LoRAOptions, Value>, _ values: [Value], _ text: (Value) -> String)
    {
      guard let first = values.first else { return }
      if stated.contains(key), let other = values.first(where: { $0 != self[keyPath: option] }) {
        problems.append(.disagreement(key: key, recipe: text(self[keyPath: option]), adapter: text(other)))
      }
      options[keyPath: option] = first
    }
    let configuration = adapter.configuration
    // Recipes have no others: the run's own would not run again.
    if let alpha = ([configuration.alpha] + adapter.modules.map(\.alpha)).first(where: { $0 <= 0 }) {
      problems.append(.badValue(key: "lora_alpha", found: "\(alpha)", expected: "a number above 0 in an adapter to continue"))
    }
    let targets = Projection.allCases.filter { projection in adapter.modules.contains { $0.projection == projection } }
    adopt("target_modules", \.targetModules, [targets]) { "[" + $0.map(\.rawValue).joined(separator: ", ") + "]" }
    adopt("rank", \.rank, [configuration.rank] + adapter.modules.map(\.rank)) { "\($0)" }
    adopt("alpha", \.alpha, [configuration.alpha] + adapter.modules.map(\.alpha)) { Int(exactly: $0).map { "\($0)" } ?? "\($0)" }
    adopt("dropout", \.dropout, [configuration.dropout]) { "\($0)" }
    adopt("rslora", \.usesRSLoRA, [configuration.usesRSLoRA]) { "\($0)" }
    guard problems.isEmpty else { throw AdapterError(path: path, problems: problems) }
    return options
  }
}
