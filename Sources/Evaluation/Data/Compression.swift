import CBzip2
import CZlib

/// How a file is compressed, told by its first bytes.
package enum Compression {
  case gzip
  case bzip2

  package init?(_ head: some Collection<UInt8>) {
    if head.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if head.starts(with: Array("BZh".utf8)), let level = head.dropFirst(3).first, 0x31...0x39 ~= level {
      self = .bzip2
    } else {
      return nil
    }
  }

  package struct Problem: Error {
    let reason: String
  }

  /// The bytes of all members.
  ///
  /// - Parameters:
  ///   - limit: at most so many bytes come out.
  ///   - headOnly: whether to be content with `limit` bytes or the end of what is there, and not to ask for the rest.
  /// - Throws: `Problem` for what is broken, cut short or longer.
  package func expand(_ bytes: [UInt8], limit: Int, headOnly: Bool) throws -> [UInt8] {
    var expanded: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    try bytes.withUnsafeBufferPointer { input in
      var place = 0
      while place < input.count {
        if place > 0 {
          // Archivers fill up with zeros.
          if input[place...].allSatisfy({ $0 == 0 }) { return }
          guard Compression(input[place...]) == self else { throw Problem(reason: "bytes after the compressed data are none of it.") }
        }
        let member: any CompressedMember = self == .gzip ? try GzipMember() : try Bzip2Member()
        var isEnded = false
        while !isEnded {
          let written: Int
          (written, isEnded) = try piece.withUnsafeMutableBufferPointer { output in
            try member.expand(UnsafeBufferPointer(rebasing: input[place...]), &place, into: output)
          }
          guard expanded.count + written <= limit else {
            guard headOnly else { throw Problem(reason: "expands to more than \(limit >> 20) MB.") }
            expanded += piece[..<(limit - expanded.count)]
            return
          }
          expanded += piece[..<written]
          if !isEnded, written == 0, place == input.count {
            guard headOnly else { throw Problem(reason: "the compressed data is cut short.") }
            return
          }
        }
      }
    }
    return expanded
  }
}

/// One of the streams that a compressed file is made of.
private protocol CompressedMember {
  /// Moves `place` over what was taken of `input`.
  func expand(
    _ input: UnsafeBufferPointer<UInt8>, _ place: inout Int, into output: UnsafeMutableBufferPointer<UInt8>
  ) throws -> (written: Int, isEnded: Bool)
}

// Both libraries keep their address in the state, so that it may not move.
private final class GzipMember: CompressedMember {
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  init() throws {
    stream.initialize(to: z_stream())
    // 16: with a gzip header.
    guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      stream.deallocate()
      throw Compression.Problem(reason: "zlib cannot be started.")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func expand(
    _ input: UnsafeBufferPointer<UInt8>, _ place: inout Int, into output: UnsafeMutableBufferPointer<UInt8>
  ) throws -> (written: Int, isEnded: Bool) {
    let given = UInt32(clamping: input.count)
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
    stream.pointee.avail_in = given
    stream.pointee.next_out = output.baseAddress
    stream.pointee.avail_out = UInt32(clamping: output.count)
    let code = inflate(stream, Z_NO_FLUSH)
    place += Int(given - stream.pointee.avail_in)
    guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
      throw Compression.Problem(reason: "the gzip data is broken.")
    }
    return (output.count - Int(stream.pointee.avail_out), code == Z_STREAM_END)
  }
}

private final class Bzip2Member: CompressedMember {
  private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)

  init() throws {
    stream.initialize(to: bz_stream())
    guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
      stream.deallocate()
      throw Compression.Problem(reason: "libbz2 cannot be started.")
    }
  }

  deinit {
    BZ2_bzDecompressEnd(stream)
    stream.deallocate()
  }

  func expand(
    _ input: UnsafeBufferPointer<UInt8>, _ place: inout Int, into output: UnsafeMutableBufferPointer<UInt8>
  ) throws -> (written: Int, isEnded: Bool) {
    let given = UInt32(clamping: input.count)
    stream.pointee.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(to: CChar.self)
    stream.pointee.avail_in = given
    stream.pointee.next_out = UnsafeMutableRawPointer(output.baseAddress)?.assumingMemoryBound(to: CChar.self)
    stream.pointee.avail_out = UInt32(clamping: output.count)
    let code = BZ2_bzDecompress(stream)
    place += Int(given - stream.pointee.avail_in)
    guard code == BZ_OK || code == BZ_STREAM_END else { throw Compression.Problem(reason: "the bzip2 data is broken.") }
    return (output.count - Int(stream.pointee.avail_out), code == BZ_STREAM_END)
  }
}
