import Foundation
import FuzzedReaders
import Testing

/// Inputs that once broke a reader, and the small valid files that fuzzing starts from, in `Tests/Fuzzing/corpus/<reader>`.
@Suite struct CorpusTests {
  static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("corpus").path

  static func files(_ reader: FuzzedReader) -> [String] {
    let folder = "\(corpus)/\(reader.rawValue)"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
  }

  /// Cut short everywhere, too, and with every byte changed: what a reader does not survive ends the test process.
  @Test(arguments: FuzzedReader.allCases) func readersSurviveTheCorpusAndItsNeighbours(_ reader: FuzzedReader) throws {
    defer { FuzzedReader.clean() }
    let files = CorpusTests.files(reader)
    #expect(!files.isEmpty, "no corpus for \(reader.rawValue)")
    for file in files {
      let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: file)))
      reader.read(bytes)
      let step = max(1, bytes.count / 100)
      for offset in stride(from: 0, to: bytes.count, by: step) {
        reader.read(Array(bytes[..<offset]))
        var changed = bytes
        changed[offset] = changed[offset] == 0xFF ? 0 : 0xFF
        reader.read(changed)
      }
    }
  }

  @Test func everyFolderOfTheCorpusHasItsReader() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: CorpusTests.corpus)
    #expect(Set(folders) == Set(FuzzedReader.allCases.map(\.rawValue)))
  }
}
