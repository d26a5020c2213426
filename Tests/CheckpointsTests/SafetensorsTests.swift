import Checkpoints
import Tensors
import TestSupport
import Testing

struct SafetensorsTests {
  /// Two tensors, the first without elements.
  private static let good = SafetensorsBytes.file([
    ("empty", "I64", [0, 3], []), ("a", "F32", [2, 1], [0, 0, 128, 63, 0, 0, 0, 192]), ("b", "BF16", [], [128, 63]),
  ])

  private func read(_ bytes: [UInt8]) throws -> SafetensorsFile { try SafetensorsFile(MappedBytes(bytes), path: "m.safetensors") }

  private func reason(_ bytes: [UInt8]) throws -> CheckpointError.Reason {
    try #require(throws: CheckpointError.self) { try read(bytes) }.reason
  }

  @Test func tensorsComeInTheOrderOfTheirData() throws {
    let file = try read(
      SafetensorsBytes.file(
        header: #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]},"__metadata__":{"format":"pt"},"#
          + #""a":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"}}   "#, data: [0, 0, 128, 63, 0, 0, 0, 64, 5]))
    #expect(file.tensors.map(\.name) == ["a", "b"])
    #expect(file.metadata == ["format": "pt"])
    #expect(file["a"]?.shape == [2] && file["a"]?.dtype == .float32)
    #expect(file["a"]?.floats() == [1, 2])
    #expect(file["b"]?.bytes.array == [5])
    #expect(file["b"]?.floats() == nil)
    #expect(file["c"] == nil)
  }

  @Test func scalarsAndEmptyTensorsAreFine() throws {
    let file = try read(SafetensorsTests.good)
    #expect(file.tensors.map(\.name) == ["empty", "a", "b"])
    #expect(file["a"]?.floats() == [1, -2])
    #expect(file["b"]?.floats() == [1])
  }

  @Test func halvesAreWidenedExactly() throws {
    let file = try read(SafetensorsBytes.file([("h", "F16", [3], [0, 60, 1, 0, 255, 251]), ("w", "BF16", [1], [0x49, 0x40])]))
    #expect(file["h"]?.floats() == [1, 0x1p-24, -65504])
    #expect(file["w"]?.floats() == [3.140625])
  }

  // MARK: - Attacks

  @Test func everyTruncationIsRefused() throws {
    for count in 0..<SafetensorsTests.good.count {
      #expect(throws: CheckpointError.self) { try read(Array(SafetensorsTests.good.prefix(count))) }
    }
    #expect(throws: CheckpointError.self) { try read(SafetensorsTests.good + [0]) }
  }

  @Test func aShardCutShortSaysHowMuchIsMissing() throws {
    let bytes = SafetensorsTests.good.dropLast(7)
    let error = try #require(throws: CheckpointError.self) { try read(Array(bytes)) }
    #expect(
      error.description
        == "m.safetensors: is cut short: its header describes \(bytes.count + 7) bytes, found \(bytes.count). Copy or download it again.")
  }

  @Test func lyingHeaderLengths() throws {
    let header = Array("{}".utf8)
    #expect(try reason([1, 2, 3]) == .tooShort(byteCount: 3))
    #expect(try reason(SafetensorsBytes.file(header: header, length: 3)) == .headerBeyondFile(byteCount: 3, found: 2))
    #expect(try reason(SafetensorsBytes.file(header: header, length: .max)) == .headerTooLong(byteCount: .max))
    #expect(try reason(SafetensorsBytes.file(header: header, length: 1 << 63)) == .headerTooLong(byteCount: 1 << 63))
    #expect(try reason(SafetensorsBytes.file(header: header, length: 100_000_001)) == .headerTooLong(byteCount: 100_000_001))
    #expect(try reason(SafetensorsBytes.file(header: header, length: 0)) == .notSafetensors)
    #expect(try reason(SafetensorsBytes.file(header: " {}")) == .notSafetensors)
    #expect(throws: CheckpointError.self) { try read(SafetensorsBytes.file(header: header, length: 1)) }
    #expect(try read(SafetensorsBytes.file(header: "{}")).tensors.isEmpty)
    let pointer = Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".utf8)
    #expect(try reason(pointer) == .gitLFSPointer)
  }

  /// A header of one or two tensors over 8 bytes of data.
  @Test(
    arguments: [
      (#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#, .sizeMismatch(tensor: "a", expected: 8, found: 4)),
      (#""dtype":"F32","shape":[2],"data_offsets":[8,0]"#, .badOffsets(tensor: "a", begin: 8, end: 0)),
      (#""dtype":"F32","shape":[4],"data_offsets":[0,16]"#, .cutShort(expected: 79, found: 71)),
      (#""dtype":"F32","shape":[1],"data_offsets":[0,4]"#, .trailingBytes(expected: 66, found: 70)),
      (#""dtype":"F32","shape":[1],"data_offsets":[4,8]"#, .gap(before: "a", byteCount: 4)),
      (#""dtype":"F4","shape":[2],"data_offsets":[0,8]"#, .unknownDType(tensor: "a", dtype: "F4")),
      (
        #""dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]"#,
        .shapeOverflow(tensor: "a", shape: [4_611_686_018_427_387_904, 4])
      ),
      (
        #""dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]"#,
        .shapeOverflow(tensor: "a", shape: [4_294_967_296, 4_294_967_296])
      ),
      (
        #""dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]"#,
        .cutShort(expected: .max, found: 105)
      ),
    ] as [(String, CheckpointError.Reason)])
  func lyingTensors(fields: String, expected: CheckpointError.Reason) throws {
    #expect(try reason(SafetensorsBytes.file(header: "{\"a\":{\(fields)}}", data: [UInt8](repeating: 0, count: 8))) == expected)
  }

  @Test func overlappingTensorsAndGapsBetweenThem() throws {
    func file(_ first: String, _ second: String) -> [UInt8] {
      SafetensorsBytes.file(
        header: #"{"a":{"dtype":"U8","shape":[4],"data_offsets":\#(first)},"b":{"dtype":"U8","shape":[4],"data_offsets":\#(second)}}"#,
        data: [UInt8](repeating: 0, count: 8))
    }
    #expect(try read(file("[4,8]", "[0,4]")).tensors.map(\.name) == ["b", "a"])
    #expect(try reason(file("[0,4]", "[2,6]")) == .overlap(tensor: "a", with: "b"))
    #expect(try reason(file("[0,4]", "[0,4]")) == .overlap(tensor: "a", with: "b"))
    #expect(try reason(file("[0,4]", "[5,9]")) == .gap(before: "b", byteCount: 1))
  }

  @Test(arguments: [
    #"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[1e1],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":8,"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0]}}"#,
    #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,9]}}"#,
    #"{"a":{"dtype":"U8","shape":[8],"data_offsets":["0",8]}}"#,
    #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"dtype":"U8"}}"#,
    #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}}"#,
    #"{"a":{"dtype":1,"shape":[8],"data_offsets":[0,8]}}"#,
    #"{"a":{"shape":[8],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
    #"{"a":null}"#, #"{"a":[]}"#, #"{"__metadata__":{"x":1}}"#, #"{"__metadata__":[]}"#, #"{"a":{}}"#, "{", "{]", "{}x",
    #"{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"#
      + #"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]}}"#,
  ])
  func malformedHeaders(header: String) throws {
    let reason = try reason(SafetensorsBytes.file(header: header, data: [UInt8](repeating: 0, count: 8)))
    guard case .json = reason else {
      Issue.record("another error: \(reason)")
      return
    }
  }

  @Test func headersThatAreNoText() throws {
    let invalid = Array("{\"".utf8) + [0xFF, 0xFE] + Array("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}".utf8)
    let error = try #require(throws: CheckpointError.self) { try read(SafetensorsBytes.file(header: invalid)) }
    #expect(error.description == "m.safetensors:1: unreadable JSON at byte 10: a string is not valid UTF-8.")
    for opening in ["{\"a\":", "{\"__metadata__\":"] {
      #expect(throws: CheckpointError.self) {
        try read(SafetensorsBytes.file(header: String(repeating: opening, count: 100_000)))
      }
    }
    #expect(throws: CheckpointError.self) {
      try read(SafetensorsBytes.file(header: "{\"a\":{\"shape\":" + String(repeating: "[", count: 100_000)))
    }
  }

  @Test func aMillionTensorsAreTooMany() throws {
    let entries = (0..<1_000_000).map { "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}" }
    let error = try #require(throws: CheckpointError.self) {
      try read(SafetensorsBytes.file(header: "{" + entries.joined(separator: ",") + "}"))
    }
    #expect(error.description.contains("more than 100000 tensors"))
  }

  @Test func randomDamageNeverTraps() throws {
    var random = Philox(seed: 7, stream: 0)
    var refused = 0
    for _ in 0..<20_000 {
      var bytes = SafetensorsTests.good
      for _ in 0...Int(random.next32() % 3) {
        bytes[Int(random.next32()) % bytes.count] = UInt8(truncatingIfNeeded: random.next32())
      }
      do {
        for tensor in try read(bytes).tensors { _ = tensor.floats() }
      } catch is CheckpointError {
        refused += 1
      }
    }
    #expect(refused > 1000)
  }

  // MARK: - Writing

  @Test func whatIsWrittenIsRead() throws {
    let folder = try TemporaryFolder()
    let writer = try SafetensorsWriter(
      folder.file("m.safetensors"),
      tensors: [
        .init(name: "z\"ü", dtype: .float32, shape: [2, 2]), .init(name: "a", dtype: .uint8, shape: [3]),
        .init(name: "none", dtype: .bfloat16, shape: [0]),
      ])
    try writer.append([1, 2, 3])
    #expect(!folder.names.contains("m.safetensors"))
    try writer.append([4])
    try ([7, 8, 9] as [UInt8]).withUnsafeBytes { try writer.append($0) }
    try writer.finish()
    #expect(folder.names == ["m.safetensors"])
    let file = try SafetensorsFile.open(folder.file("m.safetensors"))
    #expect(file.metadata == ["format": "pt"])
    #expect(file["z\"ü"]?.shape == [2, 2])
    #expect(file["z\"ü"]?.floats() == [1, 2, 3, 4])
    #expect(file["a"]?.bytes.array == [7, 8, 9])
    #expect(file["none"]?.bytes.count == 0)
    #expect(file["z\"ü"].map { $0.bytes.range.lowerBound % 8 } == 0)
  }

  @Test func anAbandonedWriterLeavesNothing() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try SafetensorsWriter(folder.file("m"), tensors: [.init(name: "a", dtype: .float32, shape: [2])])
      try writer.append([1])
    }
    #expect(folder.names == [])
    let error = try #require(throws: CheckpointError.self) { try SafetensorsWriter(folder.file("none/m"), tensors: []) }
    #expect(error.reason == .folderMissing)
  }
}

struct ShardIndexTests {
  private func read(_ text: String) throws -> ShardIndex { try ShardIndex(MappedBytes(text), path: "index.json") }

  @Test func tensorsAndTheirFiles() throws {
    let index = try read(#"{"metadata":{"total_size":3},"weight_map":{"b":"2","a":"1","c":"2"}}"#)
    #expect(index.shardNames == ["1", "2"])
    #expect(index.tensors(in: "2") == ["b", "c"])
  }

  @Test(arguments: ["../../etc/passwd", "/etc/passwd", "sub/model.safetensors", "..", ".", "", "a\\\\b", "a\\u0000b"])
  func namesThatLeaveTheFolderAreRefused(name: String) throws {
    let error = try #require(throws: CheckpointError.self) { try read("{\"weight_map\":{\"t\":\"\(name)\"}}") }
    guard case .nameLeavesFolder(_, "t") = error.reason else {
      Issue.record("another error: \(error)")
      return
    }
  }

  @Test func theRefusalNamesFileAndTensor() throws {
    let error = try #require(throws: CheckpointError.self) { try read(#"{"weight_map":{"t":"../x"}}"#) }
    #expect(error.description == "index.json: names '../x' for 't'; shards must be plain file names in the same folder.")
  }

  @Test(arguments: ["[]", "{}", #"{"weight_map":[]}"#, #"{"weight_map":{}}"#, #"{"weight_map":{"a":1}}"#])
  func otherFormsAreRefused(text: String) {
    #expect(throws: CheckpointError.self) { try read(text) }
  }
}
