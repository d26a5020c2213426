import ArgumentParser
import Foundation
import Inference

/// How answers are made, for every command that makes some.
struct GenerationArguments: ParsableArguments {
  @Option(help: "Prompt template, by name or as a file; default: the adapter's own, else alpaca.") var template: String?
  @Option(help: "Most tokens of an answer.") var maxTokens = 256
  @Option(help: "0 takes the most likely token; 1 draws as the model says.") var temperature: Float = 0
  @Option(help: "Draw from the K most likely tokens.") var topK: Int?
  @Option(help: "Draw from the fewest tokens whose probabilities add up to P.") var topP: Double?
  @Option(help: "Draw from tokens with at least P times the probability of the most likely one.") var minP: Double?
  @Option(help: "Divides logits of tokens that occurred; 1 is none.") var repetitionPenalty: Float = 1
  @Option(help: "Of the random numbers; the same seed makes the same text. Default: another one each time.") var seed: UInt64?
  @Option(help: "Text that ends an answer, and is not part of it. May be given several times.") var stop: [String] = []

  func validate() throws {
    func check(_ isFine: Bool, _ name: String, _ value: Any, _ expected: String) throws {
      if !isFine { throw ValidationError("--\(name) is \(value); expected \(expected).") }
    }
    try check(maxTokens >= 1, "max-tokens", maxTokens, "a whole number from 1")
    try check(temperature == 0 || temperature >= 0.001 && temperature.isFinite, "temperature", temperature, "0, or a number from 0.001")
    if let topK { try check(topK >= 1, "top-k", topK, "a whole number from 1") }
    if let topP { try check(topP > 0 && topP <= 1, "top-p", topP, "a number above 0, at most 1") }
    if let minP { try check(minP >= 0 && minP <= 1, "min-p", minP, "a number from 0 to 1") }
    try check(repetitionPenalty > 0 && repetitionPenalty.isFinite, "repetition-penalty", repetitionPenalty, "a number above 0")
    if stop.contains("") { throw ValidationError("--stop is empty; expected a text.") }
    let drawing = [("top-k", topK != nil), ("top-p", topP != nil), ("min-p", minP != nil)].first { $0.1 }
    if temperature == 0, let drawing {
      throw ValidationError("--\(drawing.0) has no effect at temperature 0, which takes the most likely token. Give --temperature too.")
    }
  }

  /// Tells a seed that was chosen here, so that the text can be had again.
  func sampler() -> Sampler {
    let seed = seed ?? UInt64.random(in: 0..<1_000_000_000)
    if self.seed == nil, temperature > 0 { note("--seed \(seed) makes this text again.") }
    return Sampler(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty, seed: seed)
  }
}
