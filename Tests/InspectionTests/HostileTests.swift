import Foundation
import Inspection
import Tensors
import TestSupport
import Testing

/// Files with bytes changed at random: whatever they say then, a report or an error comes out of it.
struct HostileTests {
  private func inspect(_ path: String) {
    do {
      var inspection = try Inspector().inspect(path)
      inspection.verify()
      #expect(!inspection.text(listsTensors: true).isEmpty && !inspection.json.text.isEmpty)
    } catch {
      #expect(!"\(error)".isEmpty)
    }
  }

  @Test(arguments: ["model.safetensors", "config.json", "pytorch_model.bin", "SHA256SUMS", "tokenizer.model"])
  func damagedFilesOfABase(name: String) throws {
    let sample = try Sample.base()
    try sample.writeBase()
    try sample.folder.write(TinySentencePiece(merges: []).bytes, to: "tokenizer.model")
    try sample.folder.write(String(repeating: "0", count: 64) + "  config.json\n", to: "SHA256SUMS")
    if name == "pytorch_model.bin" {
      try FileManager.default.removeItem(atPath: sample.folder.file("model.safetensors"))
      try sample.folder.write(TorchBytes.archive(sample.tensors), to: name)
    }
    try damage(name, in: sample.folder)
  }

  @Test(arguments: ["adapter_model.safetensors", "adapter_config.json", "run.json", "metrics.jsonl", "recipe.yaml"])
  func damagedFilesOfARun(name: String) throws {
    let sample = try Sample.adapter()
    try sample.writeAdapter()
    try sample.folder.write(RunInspectionTests.record, to: "run.json")
    try sample.folder.write(RunInspectionTests.recipe, to: "recipe.yaml")
    try sample.folder.write(RunInspectionTests.metrics, to: "metrics.jsonl")
    try damage(name, in: sample.folder)
  }

  private func damage(_ name: String, in folder: TemporaryFolder) throws {
    let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file(name))))
    var random = Philox(seed: 1, stream: 7)
    // Digits, signs, brackets and quotes change what is said; other bytes break how.
    let characters = Array("0123456789-+.eE[]{}\":,".utf8)
    for round in 0..<120 {
      var bytes = whole
      for _ in 0..<(1 + round % 5) {
        let place = Int(random.next32()) % bytes.count
        bytes[place] =
          round % 2 == 0 ? characters[Int(random.next32()) % characters.count] : UInt8(truncatingIfNeeded: random.next32())
      }
      if round % 7 == 0 { bytes.removeLast(Int(random.next32()) % bytes.count) }
      try folder.write(bytes, to: name)
      inspect(round % 3 == 0 ? folder.file(name) : folder.path)
    }
  }

  @Test func shapesThatOverflow() throws {
    let folder = try TemporaryFolder()
    let header = #"{"x": {"dtype": "F32", "shape": [4611686018427387904, 4611686018427387904, 0], "data_offsets": [0, 0]}}"#
    inspect(try folder.write(SafetensorsBytes.file(header: header), to: "model.safetensors"))
  }
}
