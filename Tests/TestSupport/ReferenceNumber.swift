import ComplexModule
import RealModule

/// What the reference network needs of a number. Real numbers give values; complex ones give exact derivatives by the complex step,
/// f'(x) ≈ Im f(x + ih) / h, which subtracts nothing and so loses nothing (Squire & Trapp, SIAM Review 40, 1998).
public protocol ReferenceNumber: AdditiveArithmetic {
  init(_ value: Double)
  static func * (left: Self, right: Self) -> Self
  static func / (left: Self, right: Self) -> Self
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func sqrt(_ x: Self) -> Self
  /// The value that comparisons use.
  var realPart: Double { get }
}

extension Double: ReferenceNumber {
  public var realPart: Double { self }
}

extension Complex: ReferenceNumber where RealType == Double {
  public init(_ value: Double) { self.init(value, 0) }
  public var realPart: Double { real }
}
