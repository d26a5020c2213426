import Bases
import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Hugging Face folders with `.bin` files.
struct PyTorchBaseTests {
  private let tiny = TinyBase()

  /// Deals the tensors out to files of these names, with or without an index.
  private func write(_ names: [String], to folder: TemporaryFolder, index: Bool = false, old: Bool = false) throws {
    try folder.write(JSONValue.object(tiny.configuration).text, to: "config.json")
    var map: [String: JSONValue] = [:]
    for (shard, name) in names.enumerated() {
      let own = tiny.tensors.enumerated().filter { $0.offset % names.count == shard }.map(\.element)
      let types = ["F32": "Float", "F16": "Half", "BF16": "BFloat16"]
      let old =
        old
        ? TorchBytes.sequence(
          own.enumerated().map { TorchBytes.Tensor($1.name, types[$1.dtype] ?? "", $1.shape, storage: $0) },
          storages: own.map { ($0.bytes, $0.dtype == "F32" ? 4 : 2) }) : nil
      try folder.write(old ?? TorchBytes.archive(own), to: name)
      for tensor in own { map[tensor.name] = .string(name) }
    }
    if index { try folder.write(JSONValue.object(["weight_map": .object(map)]).text, to: "pytorch_model.bin.index.json") }
  }

  @Test(
    arguments: [
      ["pytorch_model.bin"], ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"],
      (1...11).map { "pytorch_model-\($0)-of-11.bin" }, ["some.bin", "other.bin"],
    ], [false, true])
  func theWeightsAreThoseOfSafetensors(names: [String], index: Bool) throws {
    guard index || names[0].hasPrefix("pytorch") else { return }
    let folder = try TemporaryFolder()
    try write(names, to: folder, index: index, old: names.count == 2)
    let base = try Base.open(folder.path)
    let expected = try tiny.open().fingerprint()
    #expect(base.layout == .pytorch && base.fingerprint() == expected)
    #expect(base.shards.map(\.path).sorted() == names.map(folder.file).sorted())
  }

  @Test func safetensorsComeFirst() throws {
    let folder = try TemporaryFolder()
    try write(["pytorch_model.bin"], to: folder)
    try folder.write(SafetensorsBytes.file(tiny.tensors), to: "model.safetensors")
    #expect(try Base.open(folder.path).layout == .safetensors)
  }

  @Test func aFolderOfLinksIsRead() throws {
    let store = try TemporaryFolder()
    try write(["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], to: store, index: true)
    let snapshot = try TemporaryFolder()
    for name in store.names {
      try FileManager.default.createSymbolicLink(atPath: snapshot.file(name), withDestinationPath: store.file(name))
    }
    #expect(try Base.open(snapshot.path).fingerprint() == tiny.open().fingerprint())
    try FileManager.default.removeItem(atPath: snapshot.file("pytorch_model-00002-of-00002.bin"))
    try FileManager.default.createSymbolicLink(
      atPath: snapshot.file("pytorch_model-00002-of-00002.bin"), withDestinationPath: "pytorch_model-00002-of-00002.bin")
    let error = try #require(throws: BaseError.self) { try Base.open(snapshot.path) }
    #expect(error.problems == [.file(CheckpointError(path: snapshot.file("pytorch_model-00002-of-00002.bin"), reason: .linkLoop))])
  }

  /// As when a program saves a view of a larger tensor: rows with something between them.
  @Test func viewsAreUsedInPlace() throws {
    let folder = try TemporaryFolder()
    try folder.write(JSONValue.object(tiny.configuration).text, to: "config.json")
    var storages: [[UInt8]] = []
    let tensors = tiny.tensors.enumerated().map { index, tensor in
      let size = tensor.dtype == "F32" ? 4 : 2
      let (rows, columns) = (tensor.shape.count == 2 ? tensor.shape[0] : 1, tensor.shape[tensor.shape.count - 1])
      // Three elements before each row.
      var storage: [UInt8] = []
      for row in 0..<rows {
        storage += [UInt8](repeating: 255, count: 3 * size)
        storage += tensor.bytes[row * columns * size..<(row + 1) * columns * size]
      }
      storages.append(storage)
      return TorchBytes.Tensor(
        tensor.name, ["F32": "Float", "F16": "Half", "BF16": "BFloat16"][tensor.dtype] ?? "", tensor.shape, storage: index,
        strides: tensor.shape.count == 2 ? [columns + 3, 1] : [1], offset: 3, storageCount: rows * (columns + 3))
    }
    try folder.write(TorchBytes.archive(tensors, storages: storages), to: "pytorch_model.bin")
    #expect(try Base.open(folder.path).fingerprint() == tiny.open().fingerprint())
  }

  // MARK: - Shards that are missing or do not belong

  @Test(arguments: [
    (
      ["pytorch_model-00002-of-00003.bin"],
      "has 'pytorch_model-00002-of-00003.bin', but 'pytorch_model-00001-of-00003.bin', "
        + "'pytorch_model-00003-of-00003.bin' are missing. Download the whole folder."
    ),
    (["pytorch_model-1-of-2.bin"], "has 'pytorch_model-1-of-2.bin', but 'pytorch_model-2-of-2.bin' is missing. Download the whole folder."),
    (
      ["pytorch_model-1-of-2.bin", "pytorch_model-2-of-3.bin"],
      "'pytorch_model-1-of-2.bin' and 'pytorch_model-2-of-3.bin' cannot both be shards "
        + "of one base. Remove those that do not belong."
    ),
    (
      ["pytorch_model-00001-of-00001.bin", "pytorch_model-1-of-1.bin"],
      "'pytorch_model-00001-of-00001.bin' and 'pytorch_model-1-of-1.bin' "
        + "cannot both be shards of one base. Remove those that do not belong."
    ),
    (["pytorch_model-00000-of-00002.bin"], "has config.json, but no weights: neither model*.safetensors nor pytorch_model*.bin."),
  ])
  func setsOfShards(names: [String], message: String) throws {
    let folder = try TemporaryFolder()
    try write(names, to: folder)
    #expect(try #require(throws: BaseError.self) { try Base.open(folder.path) }.description == "\(folder.path): \(message)")
  }

  @Test func namesInAnIndexStayInTheFolder() throws {
    let folder = try TemporaryFolder()
    try write(["pytorch_model-00001-of-00001.bin"], to: folder)
    try folder.write(#"{"weight_map": {"lm_head.weight": "../x.bin"}}"#, to: "pytorch_model.bin.index.json")
    #expect(
      try #require(throws: BaseError.self) { try Base.open(folder.path) }.description
        == "\(folder.path)/pytorch_model.bin.index.json: names '../x.bin' for 'lm_head.weight'; shards must be plain file names in the same folder."
    )
  }

  @Test func aWrongShapeSpeaksOfTheConfiguration() throws {
    let folder = try TemporaryFolder()
    var tensors = tiny.tensors
    tensors[0].shape = [8, 10]
    try folder.write(JSONValue.object(tiny.configuration).text, to: "config.json")
    try folder.write(TorchBytes.archive(tensors), to: "pytorch_model.bin")
    #expect(
      try #require(throws: BaseError.self) { try Base.open(folder.path) }.description
        == "\(folder.path)/pytorch_model.bin: 'model.embed_tokens.weight' is [8, 10]; config.json implies [10, 8].")
  }

  /// What lies beside the tensors is counted, not lost.
  @Test func otherValuesAreNamed() throws {
    let folder = try TemporaryFolder()
    try folder.write(JSONValue.object(tiny.configuration).text, to: "config.json")
    let types = ["F32": "Float", "F16": "Half", "BF16": "BFloat16"]
    let pickle = tiny.tensors.enumerated().reduce(PickleBytes().code("}(").text("epoch").integer(3).text("state_dict").code("}(")) {
      $0.text($1.element.name).tensor(
        TorchBytes.Tensor($1.element.name, types[$1.element.dtype] ?? "", $1.element.shape, storage: $1.offset))
    }.code("uu")
    try folder.write(TorchBytes.archive(pickle: pickle.finished, storages: tiny.tensors.map(\.bytes)), to: "pytorch_model.bin")
    #expect(try Base.open(folder.path).shards.map(\.otherValues) == [["epoch"]])
  }
}
