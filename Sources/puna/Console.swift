import Foundation
import Pages

/// Progress and notes go to standard error, so that standard output holds results alone.
func standardError(_ text: String) {
  FileHandle.standardError.write(Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
}

/// Results that appear as they come.
func standardOutput(_ text: String) {
  if !text.isEmpty { FileHandle.standardOutput.write(Data(text.utf8)) }
}

func note(_ text: String) { standardError("note: \(text)") }

enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1
  /// Results are coloured for a person only; see https://no-color.org.
  static let coloursResults = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

  /// Columns for results: of the terminal, or 100.
  static var resultWidth: Int { columns(STDOUT_FILENO).flatMap { $0 >= 40 ? $0 : nil } ?? 100 }
  /// Columns for a line that renews itself; nil where there is no terminal.
  static var progressWidth: Int? { columns(STDERR_FILENO) }

  private static func columns(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// `1 h 04 min`, `2 min 10 s` or `8 s`.
  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole >= 3600 { return "\(whole / 3600) h \(pad(whole % 3600 / 60)) min" }
    if whole >= 60 { return "\(whole / 60) min \(pad(whole % 60)) s" }
    return "\(whole) s"
  }

  /// `2.20 GB`, `13 MB`
  static func bytes(_ count: Int) -> String {
    if count >= 1_000_000_000 { return String(format: "%.2f GB", Double(count) / 1e9) }
    if count >= 1_000_000 { return String(format: "%.0f MB", Double(count) / 1e6) }
    return String(format: "%.0f kB", Double(count) / 1e3)
  }

  /// `52,002`
  static func grouped(_ number: Int) -> String { Words.grouped(number) }

  private static func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
