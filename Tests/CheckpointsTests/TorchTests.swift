import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

struct TorchTests {
  static let numbers: [UInt8] = (0..<48).map { UInt8($0) }

  func open(_ bytes: [UInt8]) throws -> TorchFile { try TorchFile(MappedBytes(bytes), path: "m.bin") }

  @Test(arguments: ["archive", "pytorch_model-00001-of-00002", "ünïcode", ""])
  func anArchiveIsReadInPlace(top: String) throws {
    let file = try open(
      TorchBytes.archive(
        [TorchBytes.Tensor("a", "Float", [3, 4], storage: 0), TorchBytes.Tensor("b.weight", "BFloat16", [5], storage: 1)],
        storages: [TorchTests.numbers, Array(0..<10)], top: top))
    #expect(file.tensors.map(\.name) == ["a", "b.weight"])
    let a = try #require(file["a"])
    #expect(a.dtype == .float32 && a.shape == [3, 4] && a.rowByteStride == 16 && a.bytes.array == TorchTests.numbers)
    let b = try #require(file["b.weight"])
    #expect(b.dtype == .bfloat16 && b.shape == [5] && b.bytes.array == Array(0..<10))
    #expect(file["c"] == nil && file.otherValues.isEmpty)
  }

  @Test func theFormBeforePyTorch16() throws {
    let tensors = [TorchBytes.Tensor("a", "Float", [3, 4], storage: 0), TorchBytes.Tensor("b", "Half", [2, 1], storage: 1)]
    let file = try open(TorchBytes.sequence(tensors, storages: [(TorchTests.numbers, 4), ([1, 2, 3, 4], 2)]))
    #expect(file["a"]?.bytes.array == TorchTests.numbers)
    #expect(file["b"]?.bytes.array == [1, 2, 3, 4] && file["b"]?.dtype == .float16)
  }

  @Test(arguments: [
    ([2, 4], [4, 1], 4, 16..<48, 16),  // a range of rows
    ([3, 2], [4, 1], 1, 4..<44, 16),  // a range of columns
    ([3, 1], [4, 1], 2, 8..<44, 16), ([3, 1], [4, 9], 2, 8..<44, 16),
    ([1, 4], [99, 1], 8, 32..<48, 16), ([2], [1], 10, 40..<48, 8), ([1], [7], 11, 44..<48, 4), ([], [], 3, 12..<16, 4),
    ([2, 1, 2, 2], [6, 0, 2, 1], 0, 0..<0, 0),
    ([2, 1, 3, 2], [6, 0, 2, 1], 0, 0..<48, 8),
    ([0, 4], [4, 1], 0, 0..<0, 0),
  ])
  func viewsWhoseRowsLieInOnePiece(shape: [Int], strides: [Int], offset: Int, range: Range<Int>, rowByteStride: Int) throws {
    let tensor = TorchBytes.Tensor("a", "Float", shape, storage: 0, strides: strides, offset: offset, storageCount: 12)
    let bytes = TorchBytes.archive([tensor], storages: [TorchTests.numbers])
    guard rowByteStride > 0 || shape.contains(0) else {
      #expect(problem(bytes) == .scattered(tensor: "a", shape: shape, strides: strides))
      return
    }
    let entry = try #require(try open(bytes)["a"])
    #expect(entry.bytes.array == Array(TorchTests.numbers[range]) && entry.rowByteStride == rowByteStride)
  }

  @Test(arguments: [([4, 3], [1, 4]), ([3, 4], [0, 1]), ([3], [4]), ([2, 2], [1, 1]), ([3, 2], [4, 2])])
  func viewsThatAreScattered(shape: [Int], strides: [Int]) {
    let tensor = TorchBytes.Tensor("a", "Float", shape, storage: 0, strides: strides, storageCount: 12)
    #expect(
      problem(TorchBytes.archive([tensor], storages: [TorchTests.numbers])) == .scattered(tensor: "a", shape: shape, strides: strides))
  }

  @Test func tiedWeightsShareTheirBytes() throws {
    let file = try open(
      TorchBytes.archive(
        [TorchBytes.Tensor("embed", "Float", [3, 4], storage: 0), TorchBytes.Tensor("head", "Float", [3, 4], storage: 0)],
        storages: [TorchTests.numbers]))
    #expect(file["embed"]?.bytes.range == file["head"]?.bytes.range)
  }

  // MARK: - What lies around the tensors

  private static let tensor = TorchBytes.Tensor("a", "Float", [3, 4], storage: 0)

  private func archive(_ pickle: PickleBytes) -> [UInt8] {
    TorchBytes.archive(pickle: pickle.finished, storages: [TorchTests.numbers])
  }

  @Test func aStateDictInsideACheckpoint() throws {
    let pickle = PickleBytes().code("}(").text("epoch").integer(3).text("model").call("collections", "OrderedDict").code("(")
      .text("a").tensor(TorchTests.tensor).text("version").code("N").code("u").text("args").code("}").text("optimizer").code("}").code("u")
    let file = try open(archive(pickle))
    #expect(file.tensors.map(\.name) == ["a"])
    #expect(file.otherValues == ["version", "epoch", "args", "optimizer"])
  }

  @Test func twoStateDictsAreAmbiguous() {
    let dictionary = { (pickle: PickleBytes) in pickle.code("}").text("a").tensor(TorchTests.tensor).code("s") }
    let two = dictionary(dictionary(PickleBytes().code("}(").text("model")).text("ema")).code("u")
    #expect(problem(archive(two)) == .severalDictionaries(["model", "ema"]))
    // One under two names is one.
    let one = dictionary(PickleBytes().code("}(").text("model")).code("q\u{7}").text("state_dict").code("h\u{7}").code("u")
    #expect(problem(archive(one)) == nil)
  }

  /// What torch.save writes around tensors: versions of modules, parameters, attributes, sizes, sets.
  @Test func ordinaryCompanyOfTensors() throws {
    let pickle = PickleBytes().call("collections", "OrderedDict").code("(")
      .text("a").call("torch._utils", "_rebuild_parameter") { $0.tensor(TorchTests.tensor).raw([0x88]).call("collections", "OrderedDict") }
      .text("b").call("torch._utils", "_rebuild_tensor") { $0.storage(TorchTests.tensor).integer(0).tuple([12]).tuple([1]) }
      .text("c").call("torch._utils", "_rebuild_tensor_v3") {
        $0.storage(TorchTests.tensor).integer(0).tuple([24]).tuple([1]).raw([0x89]).call("collections", "OrderedDict").global(
          "torch", "int16")
      }
      .text("d").call("torch._tensor", "_rebuild_from_type_v2") {
        $0.global("torch._utils", "_rebuild_tensor_v2").global("torch", "Tensor").code("(").storage(TorchTests.tensor).integer(4)
          .tuple([8]).tuple([1]).raw([0x89]).code("N").code("t").code("}")
      }
      .text("size").call("torch", "Size") { $0.tuple([3, 4]) }.text("set").call("builtins", "set") { $0.code("]") }
      .text("half").raw([UInt8(ascii: "G"), 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]).text("dtype").global("torch", "bfloat16")
      .text("bytes").raw([UInt8(ascii: "C"), 2, 1, 2])
      .code("u").code("}").text("_metadata").code("}").code("s").code("b")
    let file = try open(archive(pickle))
    #expect(file.tensors.map(\.name) == ["a", "b", "c", "d"])
    #expect(file["c"]?.dtype == .int16 && file["d"]?.bytes.count == 32)
    #expect(file.otherValues == ["size", "set", "half", "dtype", "bytes"])
  }

  @Test func dictionariesAsPython2WroteThem() throws {
    let pickle = PickleBytes().call("collections", "OrderedDict") {
      $0.code("](").code("]").raw([UInt8(ascii: "U"), 1]).code("a").code("a").tensor(TorchTests.tensor).code("a").code("e")
    }
    #expect(try open(archive(pickle))["a"]?.shape == [3, 4])
  }

  func problem(_ bytes: [UInt8]) -> TorchProblem? { TorchTests.problem(bytes) }

  /// Nil when the file can be read.
  static func problem(_ bytes: [UInt8]) -> TorchProblem? {
    do {
      _ = try TorchFile(MappedBytes(bytes), path: "m.bin")
      return nil
    } catch let error as CheckpointError {
      if case .torch(let problem) = error.reason { return problem }
      Issue.record("\(error)")
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }
}
