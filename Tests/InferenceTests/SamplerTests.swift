import Glibc
import Inference
import Tensors
import Testing

@Suite struct SamplerTests {
  /// With ties among the largest and in the middle.
  static let logits: [Float] = [1.5, -0.25, 3.0, 3.0, 0.0, -2.0, 2.25, 1.5, -1.0, 0.75]
  static let history: [Int32] = [2, 5, 5, 0]

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let sampler: Sampler
    /// Computed once with transformers 5's processors; nil is −∞.
    let expected: [Float?]

    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "penalty", sampler: Sampler(temperature: 1, repetitionPenalty: 1.3),
      expected: [1.1538461, -0.25, 2.3076923, 3.0, 0.0, -2.5999999, 2.25, 1.5, -1.0, 0.75]),
    Case(
      name: "temperature", sampler: Sampler(temperature: 0.7),
      expected: [2.1428571, -0.35714287, 4.2857141, 4.2857141, 0.0, -2.8571429, 3.2142859, 2.1428571, -1.4285715, 1.0714285]),
    Case(
      name: "top-k 1 of two equal", sampler: Sampler(temperature: 1, topK: 1), expected: [nil, nil, 3, 3, nil, nil, nil, nil, nil, nil]),
    Case(
      name: "top-k between two equal", sampler: Sampler(temperature: 1, topK: 4),
      expected: [1.5, nil, 3, 3, nil, nil, 2.25, 1.5, nil, nil]),
    Case(name: "top-k", sampler: Sampler(temperature: 1, topK: 5), expected: [1.5, nil, 3, 3, nil, nil, 2.25, 1.5, nil, nil]),
    Case(name: "top-k above the vocabulary", sampler: Sampler(temperature: 1, topK: 99), expected: logits),
    Case(
      name: "top-p within two equal", sampler: Sampler(temperature: 1, topP: 0.3),
      expected: [nil, nil, nil, 3, nil, nil, nil, nil, nil, nil]),
    Case(name: "top-p 0.5", sampler: Sampler(temperature: 1, topP: 0.5), expected: [nil, nil, 3, 3, nil, nil, nil, nil, nil, nil]),
    Case(name: "top-p 0.9", sampler: Sampler(temperature: 1, topP: 0.9), expected: [1.5, nil, 3, 3, nil, nil, 2.25, 1.5, nil, nil]),
    Case(
      name: "top-p keeps one", sampler: Sampler(temperature: 1, topP: 1e-3), expected: [nil, nil, nil, 3, nil, nil, nil, nil, nil, nil]),
    Case(name: "top-p 1", sampler: Sampler(temperature: 1, topP: 1), expected: logits),
    Case(name: "min-p 0.1", sampler: Sampler(temperature: 1, minP: 0.1), expected: [1.5, nil, 3, 3, nil, nil, 2.25, 1.5, nil, 0.75]),
    Case(name: "min-p 1", sampler: Sampler(temperature: 1, minP: 1), expected: [nil, nil, 3, 3, nil, nil, nil, nil, nil, nil]),
    Case(
      name: "all together", sampler: Sampler(temperature: 0.7, topK: 7, topP: 0.9, minP: 0.15, repetitionPenalty: 1.3),
      expected: [nil, nil, 3.2967033, 4.2857141, nil, nil, 3.2142859, nil, nil, nil]),
    Case(
      name: "all together, rewarding", sampler: Sampler(temperature: 2, topK: 6, topP: 0.8, minP: 0.3, repetitionPenalty: 0.8),
      expected: [0.9375, nil, 1.875, 1.5, nil, nil, 1.125, nil, nil, nil]),
  ]

  @Test(arguments: cases) func keepsWhatTransformersKeeps(one: Case) {
    let warped = one.sampler.warp(SamplerTests.logits, history: SamplerTests.history)
    #expect(warped.count == one.expected.count)
    for (value, expected) in zip(warped, one.expected) {
      if let expected { #expect(abs(value - expected) <= 1e-6 * max(1, abs(expected))) } else { #expect(value == -.infinity) }
    }
  }

  @Test func temperatureZeroTakesTheFirstOfTheLargest() {
    var random = Philox(seed: 1, stream: 1)
    #expect(Sampler().choose(from: SamplerTests.logits, history: [], &random) == 2)
    // After the penalty another is the largest; the other steps do nothing.
    let penalised = Sampler(topK: 1, topP: 0.1, minP: 1, repetitionPenalty: 1.3)
    #expect(penalised.choose(from: SamplerTests.logits, history: SamplerTests.history, &random) == 3)
  }

  @Test func drawsAsOftenAsTheProbabilitiesSay() {
    let sampler = Sampler(temperature: 1)
    let logits: [Float] = [0.1, 0.2, 0.3, 0.4].map { Float(log($0)) }
    var random = Philox(seed: 7, stream: 3)
    var counts = [0, 0, 0, 0]
    for _ in 0..<20_000 {
      if let token = sampler.choose(from: logits, history: [], &random) { counts[Int(token)] += 1 }
    }
    // Five standard deviations of the widest.
    for (count, share) in zip(counts, [0.1, 0.2, 0.3, 0.4]) { #expect(abs(Double(count) / 20_000 - share) < 0.0174) }
  }

  @Test func neverDrawsWhatWasRemoved() {
    let sampler = Sampler(temperature: 1, topK: 5)
    var random = Philox(seed: 7, stream: 3)
    for _ in 0..<2_000 {
      #expect([0, 2, 3, 6, 7].contains(sampler.choose(from: SamplerTests.logits, history: [], &random)))
    }
  }

  @Test(arguments: [[Float.nan, 1], [1, .nan], [.infinity, 1], [-.infinity, -.infinity], []]) func refusesWhatIsNoNumber(logits: [Float]) {
    var random = Philox(seed: 1, stream: 1)
    #expect(Sampler().choose(from: logits, history: [], &random) == nil)
    #expect(Sampler(temperature: 0.5, topK: 1, topP: 0.5, minP: 0.5).choose(from: logits, history: [], &random) == nil)
  }
}
