/// Amounts of memory and disk as people write them.
public enum ByteCount {
  private static let units: [String: Double] = [
    "": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
    "kib": 1024, "mib": 1_048_576, "gib": 1_073_741_824, "tib": 1_099_511_627_776,
  ]

  /// What a message says was expected.
  public static let expectation = "a number of bytes such as 16GB (10^9 each) or 16GiB (2^30 each)"

  /// `16GB`, `1.5 GiB`, `800mb`, `5000000`; `nil` for anything else, a bare `G` included, which could be either unit.
  public static func parse(_ text: String) -> Int? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || "._+".contains($0)) }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    guard let digits = ScalarSyntax.decimalNumber(String(number)), let factor = units[unit.lowercased()] else { return nil }
    if factor == 1 { return Int(digits).flatMap { $0 >= 0 ? $0 : nil } }
    guard let count = Double(digits), count * factor < Double(Int.max) else { return nil }
    return Int((count * factor).rounded())
  }
}
