import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Files made to harm: each is refused with a message, at once and in little memory.
struct TorchAttackTests {
  private func problem(_ pickle: PickleBytes) -> TorchProblem? {
    TorchTests.problem(TorchBytes.archive(pickle: pickle.finished, storages: [TorchTests.numbers]))
  }

  private static let tensor = TorchBytes.Tensor("a", "Float", [3, 4], storage: 0)

  // MARK: - Pickles

  @Test(arguments: [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "exec"), ("builtins", "getattr"), ("subprocess", "Popen"),
    ("torch.storage", "_load_from_bytes"), ("numpy.core.multiarray", "_reconstruct"), ("argparse", "Namespace"), ("torch", "load"),
  ])
  func aCallOfAnythingElse(module: String, name: String) {
    let call = PickleBytes().call(module, name) { $0.text("touch /tmp/pwned") }
    #expect(problem(call) == .forbidden(global: "\(module).\(name)"))
    // With protocol 4's instruction, and never called.
    let stacked = PickleBytes().code("}").text("a").text(module).text(name).raw([0x93]).code("s")
    #expect(problem(stacked) == .forbidden(global: "\(module).\(name)"))
  }

  @Test func theRefusalSaysWhatToDo() throws {
    let pickle = PickleBytes().call("os", "system") { $0.text("true") }
    let error = try #require(throws: CheckpointError.self) {
      try TorchFile(MappedBytes(TorchBytes.archive(pickle: pickle.finished)), path: "m.bin")
    }
    #expect(
      error.description
        == "m.bin: its pickle asks for 'os.system'; a checkpoint needs no such thing, and nothing was run. If you trust where it comes from, "
        + "save its weights alone with torch.save(model.state_dict(), ...).")
  }

  @Test(arguments: ["i", "o", "\u{81}", "\u{82}", "\u{92}", "P", "I", "L", "V", "S", "F", "d", "l", "0", "1", "2", "p", "g", "\u{97}", "~"])
  func anyOtherInstruction(code: String) {
    let byte = UInt8(code.unicodeScalars.first?.value ?? 0)
    let bytes = PickleBytes().code("N").raw([byte])
    #expect(problem(bytes)?.sentence == "has the instruction \(byte), which files of weights do without")
  }

  @Test(arguments: [
    PickleBytes().code("}\u{71}\u{1}").text("a").code("h\u{1}s"),  // a dictionary that holds itself
    PickleBytes().code("]\u{71}\u{1}h\u{1}a"),  // a list
    PickleBytes().code("](q\u{1}h\u{1}h\u{1}e"),
  ])
  func objectsThatHoldThemselves(pickle: PickleBytes) {
    #expect(problem(pickle) != nil)
  }

  /// Each level has ten references to the one below: 10^40 elements if anybody looked.
  @Test func billionLaughs() {
    var pickle = PickleBytes().code("(").text("lol").code("tq\u{0}")
    for level in 0..<40 {
      let reference: [UInt8] = [UInt8(ascii: "h"), UInt8(level)]
      pickle = pickle.code("(").raw((0..<10).flatMap { _ in reference }).code("t").raw([UInt8(ascii: "q"), UInt8(level + 1)])
    }
    #expect(problem(pickle) == .noTensors(found: "a tuple"))
    let inside = PickleBytes().code("}(").text("laughs").raw(Array(pickle.finished.dropFirst(2).dropLast())).text("a")
      .tensor(TorchAttackTests.tensor).code("u")
    #expect(problem(inside) == nil)
  }

  @Test func nestingWithoutEnd() {
    let depth = 1_000_000
    #expect(problem(PickleBytes().code(")").raw([UInt8](repeating: 0x85, count: depth))) == .noTensors(found: "a tuple"))
    #expect(problem(PickleBytes().raw([UInt8](repeating: UInt8(ascii: "]"), count: depth))) == .noTensors(found: "a list"))
    #expect(problem(PickleBytes().raw([UInt8](repeating: UInt8(ascii: "("), count: depth)))?.sentence != nil)
  }

  @Test func moreStepsThanAnyCheckpointTakes() {
    let pickle = PickleBytes().raw([UInt8](repeating: UInt8(ascii: "N"), count: 1 << 22))
    #expect(problem(pickle)?.sentence == "takes more than 4194304 steps; a file of weights needs far fewer")
    // One list, made into a dictionary again and again.
    let list = PickleBytes().code("](").raw((0..<100_000).flatMap { _ in Array("NN\u{86}".unicodeScalars.map { UInt8($0.value) }) }).code(
      "eq\u{0}")
    let calls = (0..<100).reduce(list) { pickle, _ in pickle.call("collections", "OrderedDict") { $0.code("h\u{0}") } }
    #expect(problem(calls)?.sentence == "takes more than 4194304 steps; a file of weights needs far fewer")
  }

  @Test(arguments: [
    PickleBytes().raw([UInt8(ascii: "X"), 0xff, 0xff, 0xff, 0xff]), PickleBytes().raw([0x8b, 0xff, 0xff, 0xff, 0x7f]),
    PickleBytes().raw([0x8b, 0xff, 0xff, 0xff, 0xff]), PickleBytes().raw([0x8d] + [UInt8](repeating: 0xff, count: 8)),
    PickleBytes().raw([0x8d] + [UInt8](repeating: 0xff, count: 7) + [0x7f]), PickleBytes().raw([0x8e] + [UInt8](repeating: 0xff, count: 8)),
    PickleBytes().raw([UInt8(ascii: "T"), 0xff, 0xff, 0xff, 0x7f]), PickleBytes().raw([0x96, 0, 0, 0, 0, 0, 1, 0, 0]),
    PickleBytes().code("cos"),
  ])
  func lengthsBeyondTheFile(pickle: PickleBytes) {
    #expect(problem(pickle)?.sentence == "is cut short")
  }

  @Test(arguments: [
    "", "s", "a", "u", "e", "t", "\u{85}", "(s", "(a", "}(Nu", "N(s", "NN(\u{86}", "q\u{1}", "(q\u{1}", "R", "NR", "Q", "NQ", "b", "}b",
    "\u{93}", ")Q", "(NNNNNtQ",
  ])
  func stacksThatRunEmpty(codes: String) {
    #expect(problem(PickleBytes().raw(codes.unicodeScalars.map { UInt8($0.value) })) != nil)
  }

  @Test func memoryOfWhatWasNeverMade() {
    #expect(
      problem(PickleBytes().raw([UInt8(ascii: "j"), 0xff, 0xff, 0xff, 0xff]))?.sentence
        == "refers to object 4294967295, which was never made")
  }

  // MARK: - Tensors

  @Test(arguments: [
    ([3, 4], [4, 1], 1, 12), ([4, 4], [4, 1], 0, 12), ([3, 4], [5, 1], 0, 12), ([12], [1], Int.max, 12), ([Int.max], [1], 0, 12),
    ([2, 4], [Int.max / 4, 1], 0, 12), ([Int.max, 1], [Int.max, 1], 0, 12), ([3, 1], [Int.max, 1], 12, 12),
    ([Int.max, Int.max, 2], [2, 2, 1], 0, 12), ([1 << 62, 4], [4, 1], 0, 12),
  ])
  func tensorsLargerThanTheirStorage(shape: [Int], strides: [Int], offset: Int, count: Int) {
    let tensor = TorchBytes.Tensor("a", "Float", shape, storage: 0, strides: strides, offset: offset, storageCount: count)
    let found = TorchTests.problem(TorchBytes.archive([tensor], storages: [TorchTests.numbers]))
    #expect(found == .beyondStorage(tensor: "a", storage: "0") || found == .scattered(tensor: "a", shape: shape, strides: strides))
  }

  @Test(arguments: [
    ([-1], [1], 0), ([2], [-1], 0), ([2], [1], -1), ([2, 2], [1], 0), ([1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1], 0),
  ])
  func shapesThatAreNone(shape: [Int], strides: [Int], offset: Int) {
    let tensor = TorchBytes.Tensor("a", "Float", shape, storage: 0, strides: strides, offset: offset, storageCount: 12)
    #expect(TorchTests.problem(TorchBytes.archive([tensor], storages: [TorchTests.numbers])) == .badShape(tensor: "a"))
  }

  @Test func storagesThatLie() {
    for count in [11, 13, Int.max, Int.max / 4, 0] {
      let tensor = TorchBytes.Tensor("a", "Float", [1], storage: 0, storageCount: count)
      let expected = count > 1 << 60 ? (count == Int.max / 4 ? Int.max - 3 : Int.max) : 4 * count
      #expect(
        TorchTests.problem(TorchBytes.archive([tensor], storages: [TorchTests.numbers]))
          == .storageSize(storage: "0", expected: expected, found: 48))
    }
    let lost = TorchBytes.Tensor("a", "Float", [12], storage: 7)
    #expect(TorchTests.problem(TorchBytes.archive([lost], storages: [TorchTests.numbers])) == .missingStorage(tensor: "a", storage: "7"))
    let negative = TorchBytes.Tensor("a", "Float", [1], storage: 0, storageCount: -1)
    #expect(TorchTests.problem(TorchBytes.archive([negative], storages: [[]]))?.sentence == "refers to something that is no storage")
  }

  @Test func otherElementTypesAndNames() {
    for (type, name) in [("QInt8", "torch.QInt8Storage"), ("ComplexFloat", "torch.ComplexFloatStorage")] {
      let tensor = TorchBytes.Tensor("a", type, [1], storage: 0)
      #expect(TorchTests.problem(TorchBytes.archive([tensor], storages: [[0]])) == .elementType(name))
    }
    let dictionary = PickleBytes().code("}(").text("a").tensor(TorchAttackTests.tensor)
    #expect(problem(dictionary.text("a").tensor(TorchAttackTests.tensor).code("u")) == .duplicateTensor("a"))
    #expect(
      problem(dictionary.integer(3).tensor(TorchAttackTests.tensor).code("u"))
        == .noTensors(found: "a tensor under (a key that is a number)"))
    #expect(
      problem(dictionary.raw([UInt8(ascii: "U"), 2, 0xc3, 0x28]).code("Nu"))?.sentence == "has a key that is no text of up to 4,096 bytes")
    #expect(problem(PickleBytes().code("}").text("a").code("Ns")) == .noTensors(found: "no tensors, nor a dictionary that does"))
    #expect(problem(PickleBytes().code("}")) == nil)
    #expect(problem(PickleBytes().tensor(TorchAttackTests.tensor)) == .noTensors(found: "a single tensor"))
    #expect(problem(PickleBytes().code("(").text("module").code("NNNNtQ")) == .pickledModule)
  }

  // MARK: - Every length, many mutations

  private static let small: [[UInt8]] = [
    TorchBytes.archive(
      [TorchBytes.Tensor("a", "Float", [3, 4], storage: 0), TorchBytes.Tensor("b", "Half", [2], storage: 1)],
      storages: [TorchTests.numbers, [1, 2, 3, 4]]),
    TorchBytes.sequence(
      [TorchBytes.Tensor("a", "Float", [3, 4], storage: 0), TorchBytes.Tensor("b", "Half", [2], storage: 1)],
      storages: [(TorchTests.numbers, 4), ([1, 2, 3, 4], 2)]),
  ]

  @Test(arguments: [0, 1]) func cutShortAtEveryLength(kind: Int) {
    let bytes = TorchAttackTests.small[kind]
    #expect(TorchTests.problem(bytes) == nil)
    for count in 1..<bytes.count { #expect(TorchTests.problem(Array(bytes.prefix(count))) != nil, "\(count) bytes") }
    #expect(TorchTests.problem(bytes + [0]) != nil)
  }

  /// Whatever survives is a file whose tensors lie inside it.
  @Test(arguments: [0, 1]) func randomMutations(kind: Int) {
    var random = Philox(seed: 7, stream: UInt64(kind))
    let original = TorchAttackTests.small[kind]
    var readable = 0
    for _ in 0..<4000 {
      var bytes = original
      for _ in 0...Int(random.next32() % 3) {
        let (place, value) = (Int(random.next32()) % bytes.count, random.next32())
        switch value % 4 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: value >> 8)
        case 1: bytes[place] ^= 1 << UInt8(value >> 8 & 7)
        case 2: bytes.remove(at: place)
        default: bytes.insert(UInt8(truncatingIfNeeded: value >> 8), at: place)
        }
      }
      guard let file = try? TorchFile(MappedBytes(bytes), path: "m.bin") else { continue }
      readable += 1
      for tensor in file.tensors { #expect(tensor.bytes.array.count == tensor.bytes.count) }
    }
    #expect(readable > 0)
  }
}

extension TorchProblem {
  /// What is wrong with a pickle, without the place.
  var sentence: String? {
    if case .pickle(_, let sentence) = self { sentence } else { nil }
  }
}
