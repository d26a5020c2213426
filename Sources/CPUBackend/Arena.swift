import Glibc

/// Memory for tensors: large mappings cut up by address-ordered best fit and never given back, so that a training step that has run once
/// makes no further system calls. First touch of a page costs more than most kernels that use it.
final class Arena {
  /// Freed or never used bytes, in address order; neighbours are joined.
  private var free: [UnsafeMutableRawBufferPointer] = []
  private var mappings: [UnsafeMutableRawBufferPointer] = []
  /// Bytes that tensors hold now, and the most they have held.
  private var usedByteCount = 0
  private(set) var peakByteCount = 0

  /// Cache lines for small tensors, pages for large ones: neighbours then never share a line.
  private static let alignment = 128
  private static let hugePage = 2 << 20
  private static let smallestMapping = 32 << 20

  deinit {
    for mapping in mappings { munmap(mapping.baseAddress, mapping.count) }
  }

  /// Maps so many bytes as one piece. Pages take memory when they are first used.
  func reserve(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? { byteCount > 0 ? map(byteCount) : nil }

  /// Uninitialised bytes. Running out of memory ends the program, as it does everywhere in Swift.
  func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    let size = max(1, (byteCount + Arena.alignment - 1) / Arena.alignment) * Arena.alignment
    if bestFit(size) == nil { map(size) }
    guard let index = bestFit(size), let base = free[index].baseAddress else { preconditionFailure("no memory for \(size) bytes") }
    let rest = free[index].count - size
    if rest == 0 {
      free.remove(at: index)
    } else {
      free[index] = UnsafeMutableRawBufferPointer(start: base + size, count: rest)
    }
    usedByteCount += size
    peakByteCount = max(peakByteCount, usedByteCount)
    return UnsafeMutableRawBufferPointer(start: base, count: size)
  }

  func release(_ block: UnsafeMutableRawBufferPointer) {
    usedByteCount -= block.count
    insert(block)
  }

  private func insert(_ block: UnsafeMutableRawBufferPointer) {
    guard let begin = block.baseAddress else { return }
    var low = 0
    var high = free.count
    while low < high {
      let middle = (low + high) / 2
      if let address = free[middle].baseAddress, address < begin { low = middle + 1 } else { high = middle }
    }
    free.insert(block, at: low)
    join(low)
    if low > 0 { join(low - 1) }
  }

  /// Joins a free block with the next one where they touch and come from one mapping.
  private func join(_ index: Int) {
    guard index + 1 < free.count, let begin = free[index].baseAddress, let next = free[index + 1].baseAddress else { return }
    guard begin + free[index].count == next, !mappings.contains(where: { $0.baseAddress == UnsafeMutableRawPointer(next) }) else { return }
    free[index] = UnsafeMutableRawBufferPointer(start: begin, count: free[index].count + free[index + 1].count)
    free.remove(at: index + 1)
  }

  private func bestFit(_ size: Int) -> Int? {
    var best: Int?
    for index in free.indices where free[index].count >= size {
      if let found = best, free[found].count <= free[index].count { continue }
      best = index
    }
    return best
  }

  @discardableResult
  private func map(_ size: Int) -> UnsafeMutableRawBufferPointer {
    let count = (max(size, Arena.smallestMapping) + Arena.hugePage - 1) / Arena.hugePage * Arena.hugePage
    let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else { preconditionFailure("the system has no \(count) bytes of memory left") }
    madvise(address, count, MADV_HUGEPAGE)
    let mapping = UnsafeMutableRawBufferPointer(start: address, count: count)
    mappings.append(mapping)
    insert(mapping)
    return mapping
  }
}
