import Foundation
import TestSupport
import Testing

/// `puna inspect`, run as a person or a script runs it.
@Suite(.serialized) struct InspectTests {
  @Test func aBaseThatIsSound() throws {
    let workspace = try Workspace()
    let result = try workspace.run(["inspect", "base", "--verify"])
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "base: base, Hugging Face folder, safetensors in 4 shards")
    #expect(lines.contains("values         every value of 21 tensors is finite"))
    #expect(lines.allSatisfy { $0.count <= 100 }, "for a terminal of 100 columns")
  }

  @Test func jsonOfTheStarter() throws {
    let workspace = try Workspace()
    let result = try workspace.run(["inspect", "starter", "--json"])
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(
      object.keys.sorted() == [
        "adapter", "chat_template", "files", "fingerprint", "form", "kind", "network", "notes", "parameters", "path", "problems", "run",
        "tensors", "tokenizer", "verification",
      ])
    #expect((object["tokenizer"] as? [String: Any])?["embedding_rows"] as? Int == 2048)
    #expect((object["fingerprint"] as? String)?.count == 64 && object["verification"] is NSNull)
  }

  /// Status 1, yet the report is whole.
  @Test func aBaseWithNaN() throws {
    let workspace = try Workspace()
    let file = URL(fileURLWithPath: workspace.folder.file("base/model-00004-of-00004.safetensors"))
    var bytes = try Data(contentsOf: file)
    bytes.replaceSubrange(bytes.count - 2..<bytes.count, with: [0xC0, 0x7F])
    try bytes.write(to: file)
    #expect(try workspace.run(["inspect", "base"]).status == 0)
    let result = try workspace.run(["inspect", "base", "--verify", "--json"])
    #expect(result.status == 1 && result.error.isEmpty)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let problem = try #require((object["problems"] as? [String])?.first)
    #expect(problem.hasPrefix("model-00004-of-00004.safetensors: ") && problem.contains(" holds 1 NaN, the first at ["))
  }

  @Test func anAdapterAndItsRun() throws {
    let workspace = try Workspace()
    #expect(try workspace.run(["inspect", "adapter"]).output.contains("rank"))
    #expect(try workspace.run(["train", "r.yaml"]).status == 0)
    let result = try workspace.run(["inspect", "out"])
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "out: run folder, finished")
    #expect(lines.contains("steps          1 of 1, 1.00 epochs"))
    #expect(lines.contains { $0.hasPrefix("base           base, fingerprint ") })
    #expect(result.output.contains("fits: shapes and fingerprint agree"))
  }

  /// Files of PyTorch and of Meta, whole and with a byte of a weight changed.
  @Test(arguments: [
    ("base", "Hugging Face folder, PyTorch files in 2 shards"), ("before-1.6", "Hugging Face folder, PyTorch files"),
    ("meta-rows", "Meta's files in 4 shards"), ("meta-columns", "Meta's files in 3 shards"),
  ])
  func everyLayout(name: String, form: String) throws {
    let workspace = try Workspace()
    try FileManager.default.copyItem(
      atPath: "\(Workspace.package)/Tests/GoldenTests/goldens/shards/\(name)", toPath: workspace.folder.file("it"))
    let sound = try workspace.run(["inspect", "it", "--verify", "--json"])
    #expect(sound.status == 0, "\(sound.output) \(sound.error)")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(sound.output.utf8)) as? [String: Any])
    #expect(object["form"] as? String == form && object["notes"] as? [String] == [])
    let tensor = try #require((object["tensors"] as? [[String: Any]])?.first { ($0["shape"] as? [Int])?.count == 2 })
    let file = workspace.folder.file("it/\(try #require(tensor["file"] as? String))")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    let end = try #require(tensor["bytes"] as? [Int])[1]
    bytes.replaceSubrange(end - 4..<end, with: [0xFF, 0x7F, 0xFF, 0x7F])
    try bytes.write(to: URL(fileURLWithPath: file))
    let damaged = try workspace.run(["inspect", "it", "--verify"])
    let tensorName = try #require(tensor["name"] as? String)
    #expect(damaged.status == 1 && damaged.output.contains("'\(tensorName)' holds "), "\(damaged.output)")
  }

  @Test func mistakes() throws {
    let workspace = try Workspace()
    try FileManager.default.createDirectory(atPath: workspace.folder.file("empty"), withIntermediateDirectories: true)
    for (path, message) in [
      ("nowhere", "puna: nowhere: no such file.\n"), ("empty", "puna: empty: is an empty folder.\n"),
      ("base/config.json", "puna: base/config.json: is the configuration of a base. Give the folder: puna inspect base\n"),
      ("r.yaml", "puna: r.yaml: is a text file; expected a base, a shard, an adapter, a tokenizer or a run folder.\n"),
    ] {
      let result = try workspace.run(["inspect", path])
      #expect(result.status == 1 && result.output.isEmpty && result.error == message)
    }
    #expect(try workspace.run(["inspect"]).status == 2)
  }
}
