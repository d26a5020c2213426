/// Memory that stays where it is, unchanged, as long as its owner lives: a mapped file, or bytes embedded in the program.
public protocol ByteOwner: AnyObject, Sendable {
  var byteCount: Int { get }

  /// Calls `body` with all bytes. The address is the same in every call; whoever keeps it must keep the owner too.
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

/// A range of read-only bytes together with the owner that keeps them alive. Nothing is said about their alignment.
public struct MappedBytes: Sendable {
  public let owner: any ByteOwner
  /// Where in the owner's bytes the range lies.
  public let range: Range<Int>

  public var count: Int { range.count }

  /// - Precondition: `range` lies within the owner's bytes.
  public init(owner: any ByteOwner, range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= owner.byteCount, "byte range outside its owner")
    self.owner = owner
    self.range = range
  }

  public init(owner: any ByteOwner) {
    self.init(owner: owner, range: 0..<owner.byteCount)
  }

  /// The bytes at `range`, counted from the beginning of these.
  public func slice(_ range: Range<Int>) -> MappedBytes {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "byte range outside its slice")
    return MappedBytes(owner: owner, range: self.range.lowerBound + range.lowerBound..<self.range.lowerBound + range.upperBound)
  }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    unsafe try owner.withUnsafeBytes { bytes in
      unsafe try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }
}
