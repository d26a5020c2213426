import FineTuning
import Foundation
import Tensors
import Testing

@Suite struct LossSpikesTests {
  /// Losses that fall from 6 to `end` with `noise` around them, as small batches have.
  private func losses(_ count: Int, end: Double, noise: Double, seed: UInt64 = 1) -> [Double] {
    var random = Philox(seed: seed, stream: 7)
    return (0..<count).map { step in
      // The sum of four is nearly normal.
      let draw = (0..<4).reduce(0.0) { sum, _ in sum + Double(random.nextUniform()) } - 2
      return max(0.01, end + (6 - end) * exp(-Double(step) / 20) + noise * draw)
    }
  }

  private func spikes(_ losses: [Double]) -> [Int] {
    var watch = LossSpikes()
    return losses.indices.filter { watch.take(losses[$0]) != nil }
  }

  @Test(arguments: [(0.15, 0.03), (1.0, 0.2), (2.0, 0.6), (0.02, 0.004)]) func ordinaryNoiseIsNone(end: Double, noise: Double) {
    for seed in 1...20 { #expect(spikes(losses(1000, end: end, noise: noise, seed: UInt64(seed))).isEmpty, "seed \(seed)") }
  }

  @Test(arguments: [(0.15, 0.03), (1.0, 0.1)]) func aLossFarAboveIsOne(end: Double, noise: Double) {
    var values = losses(400, end: end, noise: noise)
    values[200] = 5
    #expect(spikes(values) == [200])
    // Those next to each other are one, and what follows is judged by what was usual before.
    for index in 200..<210 { values[index] = 5 }
    values[300] = 5
    #expect(spikes(values) == [200, 300])
  }

  @Test func theBeginningHasNothingUsual() {
    var values = losses(400, end: 1, noise: 0.1)
    values[10] = 50
    #expect(spikes(values).isEmpty)
    #expect(spikes([Double](repeating: 1, count: 30) + [1.4, 1.6]) == [31])
  }

  @Test func goesOnWhereItWas() throws {
    var values = losses(120, end: 1, noise: 0.1)
    (values[80], values[81], values[110]) = (9, 9, 9)
    var whole = LossSpikes()
    var parts = LossSpikes()
    for (index, loss) in values.enumerated() {
      if index == 81 { parts = LossSpikes(try JSONDecoder().decode(LossSpikes.State.self, from: JSONEncoder().encode(parts.state))) }
      #expect(whole.take(loss) == parts.take(loss))
    }
    #expect(whole.state == parts.state)
  }
}
