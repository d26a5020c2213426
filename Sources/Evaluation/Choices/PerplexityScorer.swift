/// The likelihood of texts, spread over their words, bytes and tokens.
package struct PerplexityScorer: SampleScorer {
  /// What a text's likelihood is spread over.
  package struct Size: Sendable, Equatable {
    package let wordCount: Int
    package let byteCount: Int

    package init(of text: String) {
      wordCount = text.pythonWordCount
      byteCount = text.utf8.count
    }
  }

  package let metrics = [
    Metric("word_perplexity", .perplexity, isHigherBetter: false, isShare: false),
    Metric("byte_perplexity", .perplexity, isHigherBetter: false, isShare: false),
    Metric("bits_per_byte", .bits, isHigherBetter: false, isShare: false),
    Metric("token_perplexity", .perplexity, isHigherBetter: false, isShare: false),
  ]
  private let sizes: [Size]

  /// - Parameter sizes: of the texts as they stand in their files, by the samples' ids.
  package init(_ sizes: [Size]) { self.sizes = sizes }

  package func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    guard case .text(let score) = response, sizes.indices.contains(sample.id) else {
      preconditionFailure("a text is judged by its likelihood")
    }
    let size = sizes[sample.id]
    func over(_ count: Int) -> MetricValue { MetricValue(score.logLikelihood, weight: Double(count)) }
    return SampleScore(values: [
      "word_perplexity": over(size.wordCount), "byte_perplexity": over(size.byteCount), "bits_per_byte": over(size.byteCount),
      "token_perplexity": over(score.tokenCount),
    ])
  }
}
