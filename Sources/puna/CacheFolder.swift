import Datasets
import Foundation

/// Folders for what can be made again; nil where neither XDG_CACHE_HOME nor HOME names a place for them.
enum CacheFolder {
  /// Answers of evaluations that are not finished.
  static var evaluations: String? { path("evaluations") }
  /// Tokens of text.
  static var tokens: String? { path("tokens") }

  private static func path(_ name: String) -> String? {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return "\(cache)/puna/\(name)" }
    return environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/.cache/puna/\(name)" : nil }
  }
}

extension TokenCaching {
  /// Text of fewer bytes is not worth an entry in everyone's cache.
  static let leastAutomatic = 4 << 20

  var cache: TokenCache? {
    switch self {
    case .auto: CacheFolder.tokens.map { TokenCache(folder: $0, minimumByteCount: TokenCaching.leastAutomatic) }
    case .none: nil
    case .folder(let folder): TokenCache(folder: folder)
    }
  }
}
