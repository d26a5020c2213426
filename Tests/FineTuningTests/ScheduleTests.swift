import FineTuning
import Foundation
import Testing

@Suite struct ScheduleTests {
  private func schedule(
    _ shape: TrainingOptions.Schedule, steps: Int, warmUp: TrainingOptions.WarmUp, ratio: Double = 0.1
  ) -> LearningRateSchedule {
    var options = TrainingOptions(duration: .steps(steps))
    options.learningRate = 2
    options.schedule = shape
    options.warmUp = warmUp
    options.finalLearningRateRatio = ratio
    return LearningRateSchedule(options, stepCount: steps)
  }

  @Test func theFirstWarmUpStepIsNotZero() {
    let schedule = schedule(.cosine, steps: 10, warmUp: .steps(4))
    #expect((0..<4).map { schedule.rate(at: $0) } == [0.5, 1, 1.5, 2])
    #expect(schedule.rate(at: 4) == 2)
  }

  @Test func shapesAfterWarmUp() {
    let cosine = schedule(.cosine, steps: 12, warmUp: .steps(2))
    let linear = schedule(.linear, steps: 12, warmUp: .steps(2))
    let constant = schedule(.constant, steps: 12, warmUp: .steps(2))
    for step in 2..<12 {
      let f = Double(step - 2) / 10
      #expect(abs(cosine.rate(at: step) - 2 * (0.1 + 0.9 * (1 + cos(.pi * f)) / 2)) < 1e-12)
      #expect(abs(linear.rate(at: step) - 2 * (0.1 + 0.9 * (1 - f))) < 1e-12)
      #expect(constant.rate(at: step) == 2)
    }
  }

  @Test func fractionsOfWarmUpAreRoundedUp() {
    #expect(schedule(.cosine, steps: 291, warmUp: .fraction(0.03)).warmUpSteps == 9)
    #expect(schedule(.cosine, steps: 100, warmUp: .fraction(0)).warmUpSteps == 0)
    #expect(schedule(.cosine, steps: 100, warmUp: .fraction(0)).rate(at: 0) == 2)
  }

  @Test func warmUpAsLongAsTheRun() {
    let schedule = schedule(.linear, steps: 3, warmUp: .steps(3))
    #expect((0..<3).map { schedule.rate(at: $0) } == [2.0 / 3, 4.0 / 3, 2])
  }
}
