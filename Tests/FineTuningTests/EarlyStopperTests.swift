import FineTuning
import Foundation
import Testing

@Suite struct EarlyStopperTests {
  /// Validations at steps 0, 10, 20, ...: after which of them the run ends.
  private func stops(_ losses: [Double], _ options: TrainingOptions.EarlyStopping) -> EarlyStop? {
    var stopper = EarlyStopper(options)
    for (index, loss) in losses.enumerated() {
      if let stop = stopper.take(loss: loss, step: 10 * index) { return stop }
    }
    return nil
  }

  @Test func waitsAsLongAsItIsTold() {
    let losses = [3, 2, 2.5, 1.9, 2, 2, 1.8, 2, 2, 2]
    #expect(stops(losses, .init(patience: 1))?.step == 20)
    #expect(stops(losses, .init(patience: 2))?.step == 50)
    #expect(stops(losses, .init(patience: 3))?.step == 90)
    #expect(stops(losses, .init(patience: 3))?.best == .init(step: 60, loss: 1.8))
    #expect(stops(losses, .init(patience: 4)) == nil)
  }

  @Test func smallImprovementsDoNotCount() {
    let losses = [2, 1.9, 1.8, 1.7]
    #expect(stops(losses, .init(patience: 3)) == nil)
    #expect(stops(losses, .init(patience: 2, minimumImprovement: 0.25))?.step == 20)
    // Together they do.
    #expect(stops(losses, .init(patience: 3, minimumImprovement: 0.25)) == nil)
    #expect(stops([2, 2, 2], .init(patience: 2))?.step == 20)
  }

  @Test func saysWhyAndWhatWasBest() throws {
    let stop = try #require(stops([2, 1.5, 1.6, 1.55], .init(patience: 2, minimumImprovement: 0.01)))
    #expect(
      stop.text == "stopped after step 30: the validation loss has not fallen by more than 0.01 for 2 validations in a row; "
        + "the last that counted was 1.5000 after step 10.")
    let first = try #require(stops([2, 2.5], .init(patience: 1)))
    #expect(
      first.text
        == "stopped after step 10: the validation loss has not fallen for one validation; "
        + "the last that counted was 2.0000 before the first step.")
  }

  @Test func goesOnWhereItWas() throws {
    let options = TrainingOptions.EarlyStopping(patience: 3)
    var whole = EarlyStopper(options)
    for (index, loss) in [2, 1, 1.5, 1.5].enumerated() { #expect(whole.take(loss: loss, step: index) == nil) }
    let state = try JSONDecoder().decode(EarlyStopper.State.self, from: JSONEncoder().encode(whole.state))
    var again = EarlyStopper(options, state: state)
    #expect(again.stop(at: 3) == nil)
    #expect(again.take(loss: 1.2, step: 4) == whole.take(loss: 1.2, step: 4))
    #expect(again.stop(at: 4)?.best.step == 1)
  }
}
