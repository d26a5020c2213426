import Chains
import Foundation
import TestSupport
import Testing

@Suite struct FingerprintTests {
  private func fingerprint(_ folder: TemporaryFolder, _ name: String, excluding: [String] = []) throws -> String? {
    try ContentFingerprints().fingerprint(of: folder.file(name), excluding: excluding.map { FilePlace(folder.file($0)) })
  }

  @Test func ofFilesCountsContentAlone() throws {
    let folder = try TemporaryFolder()
    for (name, text) in [("a", "one"), ("b", "one"), ("c", "two"), ("d", "")] { try folder.write(text, to: name) }
    let a = try #require(try fingerprint(folder, "a"))
    #expect(a.count == 32 && a.allSatisfy(\.isHexDigit))
    #expect(try fingerprint(folder, "b") == a)
    #expect(try fingerprint(folder, "c") != a && fingerprint(folder, "d") != a && fingerprint(folder, "d") != nil)
    #expect(try fingerprint(folder, "e") == nil)
  }

  /// Above 16 MiB: length, both ends and any run of 1/256 of the file count.
  @Test func ofLargeFilesSeesLengthsEndsAndRuns() throws {
    let folder = try TemporaryFolder()
    var bytes = [UInt8](repeating: 7, count: 20 << 20)
    func found() throws -> String? {
      try folder.write(bytes, to: "large")
      return try fingerprint(folder, "large")
    }
    var seen = [try found()]
    #expect(try found() == seen[0])
    bytes[0] = 8
    seen.append(try found())
    bytes[bytes.count - 1] = 8
    seen.append(try found())
    let start = 10_000_019
    for index in start..<start + (20 << 20) / 255 { bytes[index] = 8 }
    seen.append(try found())
    bytes.append(7)
    seen.append(try found())
    #expect(Set(seen).count == 5)
  }

  @Test func ofModelsCountsWhatMakesThem() throws {
    let folder = try TemporaryFolder()
    for name in ["adapter_config.json", "adapter_model.safetensors", "run.json", "metrics.jsonl", "checkpoints/x.safetensors"] {
      try folder.write(name, to: "run/\(name)")
    }
    let before = try fingerprint(folder, "run")
    for name in ["run.json", "metrics.jsonl", "report.html", "checkpoints/x.safetensors"] { try folder.write("other", to: "run/\(name)") }
    #expect(try fingerprint(folder, "run") == before)
    for name in ["adapter_config.json", "adapter_model.safetensors", "tokenizer.model", "tokenizer_config.json"] {
      let earlier = try fingerprint(folder, "run")
      try folder.write("other", to: "run/\(name)")
      #expect(try fingerprint(folder, "run") != earlier, "\(name)")
    }
  }

  @Test func ofOtherFoldersCountsEveryFile() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "data/deep/er/a.csv")
    try folder.write("y", to: "data/b.csv")
    try folder.write("hidden", to: "data/.cache")
    // A link that leads back.
    #expect(symlink(folder.file("data"), folder.file("data/deep/back")) == 0)
    let before = try fingerprint(folder, "data")
    try folder.write("other", to: "data/.cache")
    try folder.write("made", to: "data/scores.json")
    #expect(try fingerprint(folder, "data", excluding: ["data/scores.json"]) == before)
    #expect(try fingerprint(folder, "data") != before)
    try folder.write("z", to: "data/deep/er/a.csv")
    #expect(try fingerprint(folder, "data", excluding: ["data/scores.json"]) != before)
    try folder.write("", to: "empty/.keep")
    #expect(try fingerprint(folder, "empty") == nil)
  }
}
