import Llama
import Tensors

extension PEFTAdapter {
  /// A new adapter for a base, with PEFT's initialisation.
  ///
  /// - Parameters:
  ///   - basePath: what the configuration names as the base.
  ///   - seed: of the run; A is drawn from it.
  public init(initializing options: LoRAOptions, basePath: String, seed: UInt64, configuration: LlamaConfiguration) {
    let scale = PEFTConfiguration.scale(rank: options.rank, alpha: options.alpha, usesRSLoRA: options.usesRSLoRA)
    let modules = (0..<configuration.layerCount).flatMap { layer in
      options.targetModules.map { projection in
        let module = LoRAAdapter.Module.initialized(
          layer: layer, projection: projection, rank: options.rank, scale: scale, seed: seed, configuration: configuration)
        return Module(
          layer: layer, projection: projection, rank: options.rank, alpha: options.alpha, scale: scale, a: module.a, b: module.b)
      }
    }
    self.init(configuration: PEFTConfiguration(options, basePath: basePath), modules: modules)
  }

  /// The same adapter with these whole weights.
  public func saving(_ weights: [String: StoredWeight]) -> PEFTAdapter {
    PEFTAdapter(path: path, configuration: configuration, modules: modules, savedWeights: weights, notes: notes)
  }

  /// The modules as the network takes them, in the same order.
  public var loraModules: [LoRAAdapter.Module] {
    modules.map {
      LoRAAdapter.Module(layer: $0.layer, projection: $0.projection, rank: $0.rank, scale: $0.scale, a: $0.a, b: $0.b)
    }
  }

  /// The same adapter with the values of `trained`, which come in the order of `loraModules`.
  public func replacingValues(with trained: [LoRAAdapter.Module]) -> PEFTAdapter {
    precondition(trained.count == modules.count, "as many modules as before training")
    return PEFTAdapter(
      configuration: configuration,
      modules: zip(modules, trained).map { module, trained in
        Module(
          layer: module.layer, projection: module.projection, rank: module.rank, alpha: module.alpha, scale: module.scale, a: trained.a,
          b: trained.b)
      })
  }
}
