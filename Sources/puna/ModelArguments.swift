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

  /// The base with the adapters and what they stand on.
  func adapted(_ base: Base) throws -> AdaptedBase { try ModelArguments.adapted(base, adapter, allowOtherBase: allowOtherBase) }

  static func adapted(_ base: Base, _ arguments: [AdapterArgument], allowOtherBase: Bool) throws -> AdaptedBase {
    let stack = try AdapterStack.open(
      arguments.map { ($0.path, $0.weight) }, for: base, use: .network, allowOtherBase: allowOtherBase)
    for text in stack.notes { note(text) }
    return AdaptedBase(base, stack)
  }
}

extension LlamaModel {
  /// A frozen model: a base with adapters.
  convenience init(_ adapted: AdaptedBase, on backend: any ComputeBackend) throws {
    try self.init(
      weights: adapted.baseWeights,
      adapters: adapted.adapters.map {
        LoRAAdapter($0.adapter.loraModules, weight: $0.weight, configuration: adapted.configuration, on: backend)
      }, on: backend)
  }
}
