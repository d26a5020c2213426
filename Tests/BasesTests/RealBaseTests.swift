import Bases
import Checkpoints
import Foundation
import Llama
import Tensors
import TestSupport
import Testing

/// Folders that transformers wrote.
@Suite(.enabled(if: SharedFiles.exist, "no ../shared beside the package"))
struct RealBaseTests {
  @Test func stories260k() throws {
    let base = try Base.open(SharedFiles.file("data/stories260k/hf"))
    #expect(base.configuration.layerCount == 5 && base.configuration.keyValueHeadCount == 4 && base.configuration.tiesEmbeddings)
    #expect(base.dtype == .float32)
    #expect(base.byteCount == 4 * base.configuration.parameterCount)
    #expect(base.fingerprint() == "650d3796d59854dc44db7ca2fe50b28d250da7a7c14024601fe56de07e7f2efb")
    #expect(try Base.open(SharedFiles.file("data/stories260k/hf/")).path == base.path)
    #expect(base.tokenizerPath?.hasSuffix("tokenizer.model") == true)
  }

  @Test(arguments: zip(SharedFiles.goldenCases, [DType.bfloat16, .bfloat16, .float16]))
  func goldenBases(name: String, dtype: DType) throws {
    let base = try Base.open(SharedFiles.file("goldens/\(name)/base"))
    #expect(Set(base.weights.keys) == Set(base.configuration.expectedTensors.map(\.name)))
    #expect(base.parameterCounts == [dtype: base.configuration.parameterCount])
    #expect(base.configuration.headCount * base.configuration.headDimension == base.configuration.queryWidth)
    if name == "llama3-gqa" {
      #expect(
        base.configuration.ropeScaling == .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 64))
    }
    // Their merges are the same shape in one file, with other weights.
    let merged = try Base.open(SharedFiles.file("goldens/\(name)/merged"))
    #expect(merged.configuration == base.configuration)
    #expect(merged.fingerprint() != base.fingerprint())
  }

  @Test func metaFoldersAreRecognised() throws {
    let error = try #require(throws: BaseError.self) { try Base.open(SharedFiles.file("data/stories260k/meta")) }
    #expect(error.problems == [.unsupportedFormat(found: "is a folder in Meta's layout (params.json, consolidated.*.pth)")])
  }
}
