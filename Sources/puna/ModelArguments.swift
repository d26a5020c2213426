import Adapters
import ArgumentParser
import Bases
import CPUBackend
import Llama
import Tensors

enum PrecisionChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, bfloat16, float32

  /// `nil` leaves the choice to the backend.
  var precision: Precision? {
    switch self {
    case .auto: nil
    case .bfloat16: .bfloat16
    case .float32: .float32
    }
  }
}

/// `DIR` or `DIR=WEIGHT`.
struct AdapterArgument: ExpressibleByArgument, Equatable {
  let path: String
  let weight: Double

  init?(argument: String) {
    guard let sign = argument.lastIndex(of: "="), let weight = Double(argument[argument.index(after: sign)...]), weight.isFinite else {
      path = argument
      weight = 1
      return
    }
    path = String(argument[..<sign])
    self.weight = weight
  }

  /// As it is given on a command line.
  var text: String { weight == 1 ? path : "\(path)=\(weight)" }
}

/// The model that several commands take: a base and the adapters on it.
struct ModelArguments: ParsableArguments {
  @Option(help: "Folder of the base model, or 'starter'.") var base: String
  @Option(help: "Adapter folder, with an optional weight: DIR or DIR=WEIGHT. May be given several times.") var adapter: [AdapterArgument] =
    []
  @Flag(help: "Use adapters that were trained on another base, if their shapes fit.") var allowOtherBase = false

  func openAdapters(for base: Base) throws -> [(adapter: PEFTAdapter, weight: Double)] {
    try ModelArguments.open(adapter, for: base, allowOtherBase: allowOtherBase)
  }

  static func open(
    _ arguments: [AdapterArgument], for base: Base, allowOtherBase: Bool
  ) throws -> [(adapter: PEFTAdapter, weight: Double)] {
    try arguments.map { argument in
      let adapter = try PEFTAdapter.open(argument.path, for: base, allowOtherBase: allowOtherBase)
      for text in adapter.notes { note(text) }
      return (adapter, argument.weight)
    }
  }
}

extension LlamaModel {
  /// A frozen model: a base with adapters.
  convenience init(_ base: Base, adapters: [(adapter: PEFTAdapter, weight: Double)], on backend: any ComputeBackend) throws {
    try self.init(
      weights: BaseWeights(configuration: base.configuration, weights: base.weights),
      adapters: adapters.map { LoRAAdapter($0.adapter.loraModules, weight: $0.weight, configuration: base.configuration, on: backend) },
      on: backend)
  }
}
