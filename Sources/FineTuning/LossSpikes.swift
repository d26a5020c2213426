/// Notices steps whose loss is far from what was usual before them.
///
/// Usual is the median of the last 50 steps' losses, once there are 20, and far is above both one and a half times that and the median by
/// ten times the losses' usual distance from it (their median absolute deviation, scaled to a standard deviation). Medians do not follow
/// single steps: neither a spike before nor a hard batch moves the measure. Spiking steps next to each other count as one.
public struct LossSpikes: Sendable {
  /// What a checkpoint keeps.
  public struct State: Codable, Sendable, Equatable {
    /// The last steps', the newest last.
    var losses: [Double] = []
    var isInSpike = false

    public init() {}

    private enum CodingKeys: String, CodingKey {
      case losses
      case isInSpike = "in_spike"
    }
  }

  static let window = 50
  static let least = 20

  public private(set) var state: State

  public init(_ state: State? = nil) { self.state = state ?? State() }

  /// Takes a step's loss.
  /// - Returns: what would have been usual, if a spike begins here.
  public mutating func take(_ loss: Double) -> Double? {
    defer { state.losses = state.losses.suffix(LossSpikes.window - 1) + [loss] }
    guard state.losses.count >= LossSpikes.least else { return nil }
    let usual = LossSpikes.median(state.losses)
    let deviation = 1.4826 * LossSpikes.median(state.losses.map { abs($0 - usual) })
    let isSpike = loss > usual + 10 * deviation && loss > 1.5 * usual
    defer { state.isInSpike = isSpike }
    return isSpike && !state.isInSpike ? usual : nil
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
