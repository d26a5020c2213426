import Tensors

/// Reads a pickle as data. A pickle is a program for a stack machine that can call any Python function; this one knows the
/// instructions that `torch.save` writes (protocols 2 to 5, cpython's Lib/pickletools.py describes them), builds plain values, and
/// refuses every name that is not in `PickleGlobal`. Nothing is ever run.
struct PickleMachine {
  private let file: UnsafeRawBufferPointer
  private let limit: Int
  private var offset: Int
  private var document = PickleDocument()
  private var stack: [PickleValue] = []
  /// Heights of the stack at the open marks.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  /// Steps left: every one keeps at most one value, so that this bounds time and memory.
  private var budget = PickleMachine.maximumStepCount

  /// Ten thousand tensors take 400,000 steps.
  static let maximumStepCount = 1 << 22

  /// Reads one pickle that lies in `range` of the file; bytes may follow its end.
  ///
  /// - Throws: `TorchProblem` naming the byte.
  static func read(_ file: UnsafeRawBufferPointer, in range: Range<Int>) throws -> PickleDocument {
    var machine = PickleMachine(file: file, range: range)
    while try machine.step() {}
    machine.document.end = machine.offset
    return machine.document
  }

  private init(file: UnsafeRawBufferPointer, range: Range<Int>) {
    self.file = file
    offset = range.lowerBound
    limit = range.upperBound
  }

  // MARK: - Instructions

  /// False after the last instruction.
  private mutating func step() throws -> Bool {
    try spend(1)
    let start = offset
    let code = try number(UInt8.self)
    switch code {
    case UInt8(ascii: "."):
      document.root = try pop()
      return false
    case 0x80:
      let version = try number(UInt8.self)
      guard (2...5).contains(version) else { throw problem("is in protocol \(version); 2 to 5 are read", at: start) }
    case 0x95: _ = try number(UInt64.self)  // the length of a frame, which only saves reads
    case UInt8(ascii: "("): marks.append(stack.count)

    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "J"): stack.append(.integer(Int(try number(Int32.self))))
    case UInt8(ascii: "K"): stack.append(.integer(Int(try number(UInt8.self))))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try number(UInt16.self))))
    case 0x8a: stack.append(integer(try bytes(count: Int(number(UInt8.self)))))
    case 0x8b: stack.append(integer(try bytes(count: number(Int32.self))))
    case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try number(UInt64.self).byteSwapped)))

    case UInt8(ascii: "X"), UInt8(ascii: "T"): stack.append(.text(try bytes(count: number(UInt32.self))))
    case 0x8c, UInt8(ascii: "U"): stack.append(.text(try bytes(count: number(UInt8.self))))
    case 0x8d: stack.append(.text(try bytes(count: number(UInt64.self))))
    case UInt8(ascii: "B"): stack.append(try other(skipping: number(UInt32.self)))
    case UInt8(ascii: "C"): stack.append(try other(skipping: number(UInt8.self)))
    case 0x8e, 0x96: stack.append(try other(skipping: number(UInt64.self)))

    case UInt8(ascii: ")"): stack.append(.tuple(0..<0))
    case 0x85, 0x86, 0x87: try makeTuple(from: stack.count - Int(code - 0x84))
    case UInt8(ascii: "t"): try makeTuple(from: popMark())
    case UInt8(ascii: "]"): makeList()
    case UInt8(ascii: "a"): try extendList(from: stack.count - 1)
    case UInt8(ascii: "e"): try extendList(from: popMark())
    case UInt8(ascii: "}"): makeDictionary()
    case UInt8(ascii: "s"): try extendDictionary(from: stack.count - 2)
    case UInt8(ascii: "u"): try extendDictionary(from: popMark())
    case 0x8f: stack.append(.other)
    case 0x90: stack.removeLast(stack.count - (try popMark()))
    case 0x91:
      stack.removeLast(stack.count - (try popMark()))
      stack.append(.other)

    case UInt8(ascii: "q"): try remember(as: Int(number(UInt8.self)))
    case UInt8(ascii: "r"): try remember(as: Int(number(UInt32.self)))
    case 0x94: try remember(as: memo.count)
    case UInt8(ascii: "h"): try recall(Int(number(UInt8.self)))
    case UInt8(ascii: "j"): try recall(Int(number(UInt32.self)))

    case UInt8(ascii: "c"):
      let (module, name) = (try line(), try line())
      stack.append(.global(try PickleGlobal(module: module, name: name)))
    case 0x93:
      let (name, module) = (try text(pop()), try text(pop()))
      stack.append(.global(try PickleGlobal(module: module, name: name)))
    case UInt8(ascii: "Q"): try makeStorage()
    case UInt8(ascii: "R"): try call()
    case UInt8(ascii: "b"): try build()
    default: throw problem("has the instruction \(code), which files of weights do without", at: start)
    }
    return true
  }

  // MARK: - Containers

  private mutating func makeTuple(from start: Int) throws {
    guard start >= floor else { throw underflow }
    let begin = document.items.count
    document.items += stack[start...]
    stack.removeLast(stack.count - start)
    stack.append(.tuple(begin..<document.items.count))
  }

  private mutating func makeList() {
    stack.append(.list(document.lists.count))
    document.lists.append([])
  }

  private mutating func extendList(from start: Int) throws {
    guard start > floor, case .list(let list) = stack[start - 1] else { throw problem("adds to something that is no list") }
    document.lists[list] += stack[start...]
    stack.removeLast(stack.count - start)
  }

  private mutating func makeDictionary() {
    stack.append(.dictionary(document.dictionaries.count))
    document.dictionaries.append([])
  }

  private mutating func extendDictionary(from start: Int) throws {
    guard start > floor, case .dictionary(let dictionary) = stack[start - 1], (stack.count - start).isMultiple(of: 2) else {
      throw problem("adds to something that is no dictionary, or a key without a value")
    }
    for index in stride(from: start, to: stack.count, by: 2) {
      document.dictionaries[dictionary].append((stack[index], stack[index + 1]))
    }
    stack.removeLast(stack.count - start)
  }

  // MARK: - Objects

  /// `('storage', type, key, device, element count)`, and in old files None behind it.
  private mutating func makeStorage() throws {
    let unknown = problem("refers to something that is no storage")
    guard case .tuple(let range) = try pop(), range.count == 5 || range.count == 6 else { throw unknown }
    let parts = Array(document.items[range])
    guard case .text = parts[0] else { throw unknown }
    guard try text(parts[0]) == "storage" else { throw TorchProblem.pickledModule }
    guard case .global(.storage(let dtype)) = parts[1], case .text(let key) = parts[2], case .integer(let count) = parts[4], count >= 0
    else { throw unknown }
    if let view = parts.dropFirst(5).first {
      guard case .none = view else { throw problem("has views of storages, as PyTorch before 0.4 wrote them") }
    }
    stack.append(.storage(document.storages.count))
    document.storages.append(PickleDocument.Storage(dtype: dtype, key: key, count: count))
  }

  private mutating func call() throws {
    guard case .tuple(let range) = try pop(), case .global(let function) = try pop() else { throw problem("calls something unknown") }
    stack.append(try value(of: function, range))
  }

  private mutating func value(of function: PickleGlobal, _ range: Range<Int>) throws -> PickleValue {
    func argument(_ index: Int) -> PickleValue { index < range.count ? document.items[range.lowerBound + index] : .none }
    switch function {
    case .orderedDictionary: return try orderedDictionary(range.isEmpty ? nil : argument(0))
    case .rebuildTensor: return try tensor(range, counts: 4...4)
    case .rebuildTensorV2: return try tensor(range, counts: 6...7)
    case .rebuildTensorV3:
      guard case .global(.elementType(let dtype)) = argument(6) else { throw problem("makes a tensor without an element type") }
      return try tensor(range, counts: 7...8, dtype: dtype)
    case .rebuildParameter:
      guard case .tensor = argument(0) else { throw problem("makes a parameter of something that is no tensor") }
      return argument(0)
    case .rebuildFromType:
      guard case .global(let inner) = argument(0), inner == .rebuildTensorV2 || inner == .rebuildTensorV3,
        case .global(.tensorClass) = argument(1), case .tuple(let arguments) = argument(2)
      else { throw problem("makes a tensor in an unknown way") }
      return try value(of: inner, arguments)
    case .size:
      guard case .tuple = argument(0) else { throw problem("makes a size of something that is no tuple") }
      return argument(0)
    case .other: return .other
    case .storage, .elementType, .tensorClass: throw problem("calls a class of PyTorch as no file of weights does")
    }
  }

  private mutating func tensor(_ range: Range<Int>, counts: ClosedRange<Int>, dtype: DType? = nil) throws -> PickleValue {
    guard counts.contains(range.count), case .storage(let storage) = document.items[range.lowerBound],
      case .integer(let first) = document.items[range.lowerBound + 1], case .tuple(let shape) = document.items[range.lowerBound + 2],
      case .tuple(let strides) = document.items[range.lowerBound + 3]
    else { throw problem("makes a tensor of other things than storage, offset, shape and strides") }
    document.tensors.append(PickleDocument.Tensor(storage: storage, dtype: dtype, offset: first, shape: shape, strides: strides))
    return .tensor(document.tensors.count - 1)
  }

  /// Empty, or made of a list of pairs as Python 2 wrote it.
  private mutating func orderedDictionary(_ pairs: PickleValue?) throws -> PickleValue {
    var members: [(key: PickleValue, value: PickleValue)] = []
    if let pairs {
      guard case .list(let list) = pairs else { throw problem("makes a dictionary of something that is no list") }
      try spend(document.lists[list].count)
      for pair in document.lists[list] {
        let parts: [PickleValue]
        switch pair {
        case .tuple(let range) where range.count == 2: parts = Array(document.items[range])
        case .list(let index) where document.lists[index].count == 2: parts = document.lists[index]
        default: throw problem("makes a dictionary of something that is no pair")
        }
        members.append((parts[0], parts[1]))
      }
    }
    document.dictionaries.append(members)
    return .dictionary(document.dictionaries.count - 1)
  }

  /// Attributes of an object: a state dict's versions of modules. They are not needed.
  private mutating func build() throws {
    _ = try pop()
    switch stack.count > floor ? stack.last : nil {
    case .dictionary, .tensor: break
    default: throw problem("gives attributes to something that has none")
    }
  }

  // MARK: - The stack and the memo

  /// Values below the innermost mark are out of reach.
  private var floor: Int { marks.last ?? 0 }

  private mutating func pop() throws -> PickleValue {
    guard stack.count > floor, let value = stack.popLast() else { throw underflow }
    return value
  }

  private mutating func popMark() throws -> Int {
    guard let mark = marks.popLast() else { throw underflow }
    return mark
  }

  private mutating func remember(as index: Int) throws {
    guard stack.count > floor, let value = stack.last else { throw underflow }
    memo[index] = value
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else { throw problem("refers to object \(index), which was never made") }
    stack.append(value)
  }

  private mutating func spend(_ count: Int) throws {
    guard count <= budget else {
      throw problem("takes more than \(PickleMachine.maximumStepCount) steps; a file of weights needs far fewer")
    }
    budget -= count
  }

  // MARK: - Bytes

  private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
    guard offset <= limit - MemoryLayout<Number>.size, let value = file.littleEndian(type, at: offset) else { throw cutShort }
    offset += MemoryLayout<Number>.size
    return value
  }

  private mutating func bytes(count: some FixedWidthInteger) throws -> Range<Int> {
    guard let count = Int(exactly: count), count >= 0, count <= limit - offset else { throw cutShort }
    offset += count
    return offset - count..<offset
  }

  private mutating func other(skipping count: some FixedWidthInteger) throws -> PickleValue {
    _ = try bytes(count: count)
    return .other
  }

  private func integer(_ range: Range<Int>) -> PickleValue {
    guard range.count <= 8 else { return .wideInteger(range) }
    guard let last = range.last else { return .integer(0) }
    let bits = range.reversed().reduce(file[last] & 0x80 == 0 ? 0 : UInt64.max) { $0 << 8 | UInt64(file[$1]) }
    return .integer(Int(Int64(bitPattern: bits)))
  }

  /// Up to a line feed, which is read too.
  private mutating func line() throws -> String {
    guard let end = file[offset..<limit].firstIndex(of: 10) else { throw cutShort }
    defer { offset = end + 1 }
    return try text(.text(offset..<end))
  }

  private func text(_ value: PickleValue) throws -> String {
    guard case .text(let range) = value, range.count <= 4096, let text = String(validating: file[range], as: UTF8.self) else {
      throw problem("has a name that is no text of up to 4,096 bytes")
    }
    return text
  }

  private var underflow: TorchProblem { problem("takes more from its stack than it put there") }
  private var cutShort: TorchProblem { problem("is cut short") }

  private func problem(_ sentence: String, at byte: Int? = nil) -> TorchProblem { .pickle(byte: byte ?? offset, sentence) }
}
