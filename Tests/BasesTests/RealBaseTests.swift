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

  /// Rotary scaling is no part of the weights, so that these agree whatever params.json can say.
  @Test(arguments: ["data/stories260k", "goldens/llama2-mha", "goldens/llama3-gqa"])
  func metaFoldersHoldTheSameWeights(name: String) throws {
    let (meta, base) = (
      try Base.open(SharedFiles.file("\(name)/meta")), try Base.open(SharedFiles.file(name + (name.hasPrefix("data") ? "/hf" : "/base")))
    )
    #expect(meta.fingerprint() == base.fingerprint())
    #expect(meta.layout == .meta && base.layout == .safetensors)
    var expected = base.configuration
    (expected.ropeScaling, expected.maximumPositions) = (.none, meta.configuration.maximumPositions)
    #expect(meta.configuration == expected)
  }
}
