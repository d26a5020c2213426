import Checkpoints
import Tensors

/// What somebody says the digest of a file is.
struct ChecksumClaim: Sendable, Equatable {
  enum Algorithm: String, Sendable {
    case md5 = "MD5"
    case sha256 = "SHA-256"

    /// By the number of hexadecimal digits.
    init?(digest: String) {
      guard digest.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
      switch digest.utf8.count {
      case 32: self = .md5
      case 64: self = .sha256
      default: return nil
      }
    }

    /// The digest of a whole file.
    func digest(of bytes: MappedBytes, progress: (Int) -> Void) -> String {
      var md5 = MD5()
      var sha256 = SHA256()
      let step = 1 << 22
      for start in stride(from: 0, to: bytes.count, by: step) {
        let piece = bytes.slice(start..<min(start + step, bytes.count))
        piece.withUnsafeBytes { self == .md5 ? md5.update($0) : sha256.update($0) }
        progress(piece.count)
      }
      return self == .md5 ? md5.hexDigest() : sha256.hexDigest()
    }
  }

  let file: String
  let algorithm: Algorithm
  /// In lower case.
  let digest: String
  /// Who says so: `checklist.chk`.
  let source: String
}

extension Folder {
  /// Every digest that the folder gives for its files: lists of Meta and of `sha256sum`, names of blobs in a download cache, and the
  /// records of Hugging Face's client. What cannot be understood in a list becomes a problem.
  func checksumClaims(problems: inout [String]) -> [ChecksumClaim] {
    var claims: [ChecksumClaim] = []
    for entry in entries where entry.form == .file && Folder.isChecksumList(entry.name) {
      claims += listedClaims(entry.name, &problems)
    }
    for entry in entries where entry.form == .file {
      // A file of Git LFS lies in the cache under its SHA-256; small files under Git's own digest, which is another.
      guard let blob = entry.linkTarget?.split(separator: "/").last.map(String.init), blob.utf8.count == 64,
        ChecksumClaim.Algorithm(digest: blob) == .sha256
      else { continue }
      claims.append(ChecksumClaim(file: entry.name, algorithm: .sha256, digest: blob.lowercased(), source: "the name of its blob"))
    }
    let records = ".cache/huggingface/download"
    for entry in (try? Folder(path(of: records)))?.entries ?? [] where entry.name.hasSuffix(".metadata") {
      // Commit, entity tag, time: a line each.
      let lines = text("\(records)/\(entry.name)").split(separator: "\n").map(String.init)
      let file = String(entry.name.dropLast(".metadata".count))
      guard lines.count > 1, lines[1].utf8.count == 64, ChecksumClaim.Algorithm(digest: lines[1]) == .sha256, contains(file) else {
        continue
      }
      claims.append(ChecksumClaim(file: file, algorithm: .sha256, digest: lines[1].lowercased(), source: "the record of its download"))
    }
    return claims
  }

  private static func isChecksumList(_ name: String) -> Bool {
    ["checklist.chk", "tokenizer_checklist.chk", "SHA256SUMS", "SHA256SUMS.txt", "sha256sum.txt", "MD5SUMS"].contains(name)
      || name.hasSuffix(".sha256") || name.hasSuffix(".md5")
  }

  /// `digest  name`, or `digest *name` for a file read as bytes.
  private func listedClaims(_ list: String, _ problems: inout [String]) -> [ChecksumClaim] {
    var claims: [ChecksumClaim] = []
    for (number, line) in text(list).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let parts = line.split(maxSplits: 1) { $0 == " " || $0 == "\t" }
      guard !parts.isEmpty, !line.hasPrefix("#") else { continue }
      var file = parts.count > 1 ? parts[1].drop { $0 == " " || $0 == "\t" || $0 == "*" } : ""
      while file.last?.isWhitespace == true { file.removeLast() }
      if file.hasPrefix("./") { file.removeFirst(2) }
      // `x.sha256` may hold the digest of x alone.
      if file.isEmpty, let dot = list.lastIndex(of: "."), list[dot...] == ".sha256" || list[dot...] == ".md5" { file = list[..<dot] }
      guard let algorithm = ChecksumClaim.Algorithm(digest: String(parts[0])), !file.isEmpty, !file.contains("/"), !file.contains("\0")
      else {
        problems.append("\(list):\(number + 1): expected a digest of 32 or 64 hexadecimal digits and the name of a file in this folder.")
        continue
      }
      claims.append(ChecksumClaim(file: String(file), algorithm: algorithm, digest: parts[0].lowercased(), source: list))
    }
    return claims
  }

  /// A small text file; empty if it cannot be read.
  private func text(_ name: String) -> String {
    guard let bytes = try? open(name), bytes.count < 1 << 22 else { return "" }
    return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
