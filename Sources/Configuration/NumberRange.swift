/// The numbers that a key accepts, and how a message names them.
public struct NumberRange: Sendable {
  private enum End: Sendable {
    case open
    case including(Double)
    case excluding(Double)
  }

  private var lower = End.open
  private var upper = End.open

  public static let any = NumberRange()
  public static func from(_ bound: Double) -> NumberRange { NumberRange(lower: .including(bound)) }
  public static func above(_ bound: Double) -> NumberRange { NumberRange(lower: .excluding(bound)) }

  public func below(_ bound: Double) -> NumberRange { NumberRange(lower: lower, upper: .excluding(bound)) }
  public func upTo(_ bound: Double) -> NumberRange { NumberRange(lower: lower, upper: .including(bound)) }

  public func contains(_ number: Double) -> Bool {
    let clearsLower =
      switch lower {
      case .open: true
      case .including(let bound): number >= bound
      case .excluding(let bound): number > bound
      }
    let clearsUpper =
      switch upper {
      case .open: true
      case .including(let bound): number <= bound
      case .excluding(let bound): number < bound
      }
    return clearsLower && clearsUpper
  }
}

extension NumberRange: CustomStringConvertible {
  /// `a number`, `a number above 0`, `a number from 0 to below 1`.
  public var description: String {
    var text = "a number"
    switch lower {
    case .open: break
    case .including(let bound): text += " from \(shown(bound))"
    case .excluding(let bound): text += " above \(shown(bound))"
    }
    switch (lower, upper) {
    case (_, .open): break
    case (.open, .including(let bound)): text += " up to \(shown(bound))"
    case (_, .including(let bound)): text += " to \(shown(bound))"
    case (.open, .excluding(let bound)): text += " below \(shown(bound))"
    case (_, .excluding(let bound)): text += " to below \(shown(bound))"
    }
    return text
  }

  private func shown(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }
}
