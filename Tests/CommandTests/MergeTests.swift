import Foundation
import TestSupport
import Testing

/// `puna merge`, run as a person runs it.
@Suite(.serialized) struct MergeTests {
  private static let adapter = "\(Workspace.package)/adapters/starter-quickstart"

  /// Standard output of a program of the system, run in a folder.
  private func run(_ path: String, _ arguments: [String], in folder: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  private func files(of folder: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    return files
  }

  @Test func aFolderThatOtherProgramsLoadAndItsSums() throws {
    let workspace = try Workspace()
    let result = try workspace.run(["merge", "--base", "starter", "--adapter", MergeTests.adapter, "--output", "out"])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("greedy tokens: ") && result.output.hasSuffix("out: 56 tensors, bfloat16, every element proved\n"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out")).sorted() == [
        "SHA256SUMS", "config.json", "generation_config.json", "merge-report.json", "model.safetensors", "tokenizer.model",
        "tokenizer_config.json",
      ])
    #expect(try workspace.read("out/tokenizer_config.json").contains("\"add_bos_token\": true"))
    let check = try run("/usr/bin/sha256sum", ["-c", "SHA256SUMS"], in: workspace.folder.file("out"))
    #expect(check.status == 0 && check.output.split(separator: "\n").count == 6 && !check.output.contains("FAILED"))
    #expect(!workspace.folder.names.contains { $0.hasSuffix(".merging") })
  }

  /// The commands of a newcomer: what was merged answers as base and adapter do.
  @Test func logitsOfBothAreTheSame() throws {
    let workspace = try Workspace()
    let merged = try workspace.run([
      "merge", "--base", "starter", "--adapter", MergeTests.adapter, "--output", "out", "--dtype", "float32", "--quiet",
    ])
    #expect(merged.status == 0, "\(merged.error)")
    let model = [["--base", "starter", "--adapter", MergeTests.adapter], ["--base", "out"]]
    let logits = try model.enumerated().map { index, arguments in
      let result = try workspace.run(
        ["logits"] + arguments + ["--prompt", "The llama", "--precision", "float32", "--output", "l\(index).safetensors"])
      #expect(result.status == 0, "\(result.error)")
      let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("l\(index).safetensors")))
      let header = 8 + Int(bytes.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) })
      return bytes.dropFirst(header).withUnsafeBytes { data in
        (0..<data.count / 4).map { data.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
    }
    #expect(logits[0].count == logits[1].count && logits[0].count > 2048)
    #expect(zip(logits[0], logits[1]).map { abs($0 - $1) }.max() ?? 1 < 1e-4)
    #expect(logits[0].map(abs).max() ?? 0 > 1)
  }

  @Test func aFolderOfMetasThatAnswersAsHuggingFaces() throws {
    let workspace = try Workspace()
    let logits = try [["meta", "--shards", "3"], ["hf"]].map { format in
      let merge = ["merge", "--base", "starter", "--adapter", MergeTests.adapter, "--output", format[0], "--quiet", "--format"]
      let merged = try workspace.run(merge + format)
      #expect(merged.status == 0, "\(merged.error)")
      let result = try workspace.run(["logits", "--base", format[0], "--prompt", "The llama", "--output", "\(format[0]).safetensors"])
      #expect(result.status == 0, "\(result.error)")
      return try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\(format[0]).safetensors")))
    }
    #expect(logits[0] == logits[1] && logits[0].count > 4 * 2048)
    let check = try run("/usr/bin/md5sum", ["-c", "checklist.chk"], in: workspace.folder.file("meta"))
    #expect(check.status == 0 && check.output.split(separator: "\n").count == 5 && !check.output.contains("FAILED"))
    let inspected = try workspace.run(["inspect", "meta", "--verify"])
    #expect(inspected.status == 0, "\(inspected.error)")
    let refused = try workspace.run(["merge", "--base", "starter", "--output", "other", "--format", "meta", "--shards", "2"])
    #expect(refused.status == 1 && refused.error.contains("Possible are 1, 3, 6.") && !workspace.exists("other"))
  }

  @Test func theSameFromAFileOfKeys() throws {
    let workspace = try Workspace()
    try workspace.write(
      "base: base\nadapter: [adapter=0.5]\noutput: from-file\ndtype: float16\nmax-shard-size: 10kB\n", to: "merge.yaml")
    let first = try workspace.run(["merge", "merge.yaml"])
    #expect(first.status == 0, "\(first.error)")
    let flags = ["--base", "base", "--adapter", "adapter=0.5", "--output", "from-flags", "--dtype", "float16", "--max-shard-size", "10kB"]
    let second = try workspace.run(["merge"] + flags)
    #expect(second.status == 0, "\(second.error)")
    let found = try files(of: workspace.folder.file("from-file"))
    #expect(try files(of: workspace.folder.file("from-flags")) == found)
    #expect(found.keys.contains("model.safetensors.index.json") && found.count > 6)
    let third = try workspace.run(["merge", "merge.yaml", "output=third", "adapter=[]"])
    #expect(third.status == 0, "\(third.error)")
    #expect(workspace.exists("third/merge-report.json"))
  }

  @Test func theBaseStaysAsItWas() throws {
    let workspace = try Workspace()
    let before = try files(of: workspace.folder.file("base"))
    _ = try workspace.run(["merge", "--base", "base", "--adapter", "adapter", "--output", "out"])
    #expect(try files(of: workspace.folder.file("base")) == before)
  }

  /// Asked to stop after so many milliseconds: all is there, or nothing and status 130. Killed: all or nothing under the output's name,
  /// and the next run begins clean.
  @Test(arguments: [SIGINT, SIGKILL]) func aMergeThatIsStopped(signal: Int32) throws {
    let workspace = try Workspace()
    let arguments = ["merge", "--base", "starter", "--adapter", MergeTests.adapter, "--output", "out", "--max-shard-size", "1MB"]
    var stopped = 0
    for milliseconds in [0, 20, 40, 60, 80, 110, 150, 200, 260] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Workspace.tool)
      process.arguments = arguments
      process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      usleep(UInt32(milliseconds) * 1000)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      if workspace.exists("out") {
        let check = try run("/usr/bin/sha256sum", ["-c", "--quiet", "SHA256SUMS"], in: workspace.folder.file("out"))
        #expect(check.status == 0, "what has the output's name is whole")
        try workspace.remove("out")
      } else {
        stopped += 1
        if signal == SIGINT, process.terminationReason == .exit {
          #expect(process.terminationStatus == 130)
          #expect(!workspace.folder.names.contains { $0.hasSuffix(".merging") })
        }
      }
    }
    #expect(stopped > 0)
    let last = try workspace.run(arguments)
    #expect(last.status == 0, "\(last.error)")
    #expect(!workspace.folder.names.contains { $0.hasSuffix(".merging") })
  }

  // MARK: - Mistakes

  static let flags = ["merge", "--base", "base", "--adapter", "adapter", "--output", "out"]

  static let mistakes = [
    MistakeTests.Mistake("no base", "Error: Missing expected argument '--base <base>'", status: 2, arguments: ["merge", "--output", "o"]),
    MistakeTests.Mistake(
      "no output", "Error: Missing expected argument '--output <output>'", status: 2, arguments: ["merge", "--base", "b"]),
    MistakeTests.Mistake(
      "file and flags", "Error: Give a file or flags; a file's values are replaced by key=value after it.", status: 2,
      arguments: ["merge", "m.yaml", "--base", "b"]),
    MistakeTests.Mistake(
      "shards of hf", "Error: --shards is for format meta; hf is split by max-shard-size.", status: 2, arguments: flags + ["--shards", "2"]),
    MistakeTests.Mistake(
      "shard size without a unit", "Error: The value '5G' is invalid for '--max-shard-size <max-shard-size>'", status: 2,
      arguments: flags + ["--max-shard-size", "5G"]),
    MistakeTests.Mistake(
      "unknown dtype", "Error: The value 'fp16' is invalid for '--dtype <dtype>'.", status: 2, arguments: flags + ["--dtype", "fp16"]),
    MistakeTests.Mistake("no such merge file", "nowhere.yaml: there is no such file.", arguments: ["merge", "nowhere.yaml"]),
    MistakeTests.Mistake(
      "unknown key of a merge", "m.yaml:3: unknown key 'lora_model'. Did you mean 'adapter'?", arguments: ["merge", "m.yaml"]
    ) {
      try $0.write("base: base\noutput: out\nlora_model: adapter\n", to: "m.yaml")
    },
    MistakeTests.Mistake("merging into nothing", "nowhere: no such folder.", arguments: ["merge", "--base", "nowhere", "--output", "out"]),
    MistakeTests.Mistake(
      "output that holds something", "full: is not empty (it holds 'x'). Choose another output, or remove it first.",
      arguments: ["merge", "--base", "base", "--adapter", "adapter", "--output", "full/"]
    ) { try $0.write("x", to: "full/x") },
    MistakeTests.Mistake(
      "output in the base", "base/merged: lies in the base (base), which must stay as it is. Choose another output.",
      arguments: ["merge", "--base", "base", "--adapter", "adapter", "--output", "base/merged"]),
    MistakeTests.Mistake(
      "weight 0", "adapter: its weight is 0, so that it changes nothing. Leave it out.",
      arguments: [
        "merge", "--base", "base", "--adapter", "adapter=0", "--output", "out",
      ]),
  ]

  @Test(arguments: mistakes) func mistake(mistake: MistakeTests.Mistake) throws {
    try MistakeTests().mistake(mistake: mistake)
  }

  @Test func twiceIsRefused() throws {
    let workspace = try Workspace()
    let first = try workspace.run(MergeTests.flags)
    #expect(first.status == 0, "\(first.error)")
    let again = try workspace.run(["merge", "--base", "out", "--adapter", "adapter", "--output", "twice"])
    #expect(again.status == 1)
    #expect(
      again.error.contains(
        "out: its merge-report.json says that adapter is in it already, with weight 1. Merge into the base that it was trained on."))
  }
}
