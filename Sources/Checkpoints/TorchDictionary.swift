/// The tensors of a document by name, and the names of everything else.
///
/// The document is a dictionary of tensors, or one that has such a dictionary as one of its members (`{"model": {...}, "epoch": 3}`).
struct TorchDictionary {
  let tensors: [(name: String, tensor: PickleDocument.Tensor)]
  let otherValues: [String]

  private typealias Member = (key: PickleValue, value: PickleValue)

  init(_ document: PickleDocument, in file: UnsafeRawBufferPointer) throws {
    guard case .dictionary(let root) = document.root else {
      throw TorchProblem.noTensors(found: TorchDictionary.name(of: document.root))
    }
    func name(_ key: PickleValue) throws -> String {
      guard case .text(let range) = key else { return "(a key that is \(TorchDictionary.name(of: key)))" }
      guard range.count <= 4096, let text = String(validating: file[range], as: UTF8.self) else {
        throw TorchProblem.pickle(byte: range.lowerBound, "has a key that is no text of up to 4,096 bytes")
      }
      return text
    }
    func isTensor(_ member: Member) -> Bool {
      if case .tensor = member.value { true } else { false }
    }
    // By number, so that a dictionary met many times is looked at once.
    var holdsTensors: [Int: Bool] = [:]
    var found: [(name: String, dictionary: Int)] = []
    var candidates: Set<Int> = []
    if document.dictionaries[root].contains(where: isTensor) {
      found.append(("(outermost)", root))
      candidates.insert(root)
    }
    for member in document.dictionaries[root] {
      guard case .dictionary(let inner) = member.value else { continue }
      let holds = holdsTensors[inner] ?? document.dictionaries[inner].contains(where: isTensor)
      holdsTensors[inner] = holds
      if holds, candidates.insert(inner).inserted { found.append((try name(member.key), inner)) }
    }
    // An empty dictionary is an honest one of no tensors.
    if document.dictionaries[root].isEmpty { found.append(("", root)) }
    guard let dictionary = found.first?.dictionary else {
      throw TorchProblem.noTensors(found: "no tensors, nor a dictionary that does")
    }
    guard found.count == 1 else { throw TorchProblem.severalDictionaries(found.map(\.name)) }

    var tensors: [(name: String, tensor: PickleDocument.Tensor)] = []
    var names: Set<String> = []
    var others: [String] = []
    for member in document.dictionaries[dictionary] {
      let key = try name(member.key)
      let isNew = names.insert(key).inserted
      if case .tensor(let tensor) = member.value {
        guard case .text = member.key else { throw TorchProblem.noTensors(found: "a tensor under \(key)") }
        guard isNew else { throw TorchProblem.duplicateTensor(key) }
        tensors.append((key, document.tensors[tensor]))
      } else if isNew {
        others.append(key)
      }
    }
    for member in dictionary == root ? [] : document.dictionaries[root] {
      if case .dictionary(dictionary) = member.value { continue }
      let key = try name(member.key)
      if names.insert(key).inserted { others.append(key) }
    }
    self.tensors = tensors
    otherValues = others
  }

  private static func name(of value: PickleValue) -> String {
    switch value {
    case .none: "None"
    case .bool: "a truth value"
    case .integer, .wideInteger, .float: "a number"
    case .text: "a text"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global: "a name"
    case .storage: "a storage without a tensor"
    case .tensor: "a single tensor"
    case .other: "something else"
    }
  }
}
