import Tensors

/// What a pickle can say here. Containers are numbers of entries in the document's lists, so that values are small, nothing is nested
/// in memory, and an object that contains itself is no danger.
enum PickleValue {
  case none
  case bool(Bool)
  case integer(Int)
  /// Little-endian two's complement, too wide for `Int`.
  case wideInteger(Range<Int>)
  case float(Double)
  /// Bytes of the file, UTF-8 if they are what they should be.
  case text(Range<Int>)
  /// A range of `PickleDocument.items`.
  case tuple(Range<Int>)
  case list(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)
  /// A set, a byte string and the like: harmless, and of no use here.
  case other
}

/// What a pickle is read into: data and nothing else.
struct PickleDocument {
  /// A storage as a pickle refers to it.
  struct Storage {
    /// Nil: untyped, counted in bytes.
    let dtype: DType?
    /// Bytes of the file.
    let key: Range<Int>
    /// Elements.
    let count: Int
  }

  /// A view of a storage. Nothing in it has been checked against the storage.
  struct Tensor {
    let storage: Int
    /// Nil: the storage's.
    let dtype: DType?
    let offset: Int
    /// Tuples, as ranges of `items`.
    let shape: Range<Int>
    let strides: Range<Int>
  }

  var root = PickleValue.none
  /// The elements of all tuples.
  var items: [PickleValue] = []
  var lists: [[PickleValue]] = []
  /// Members in the order in which they were set.
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var storages: [Storage] = []
  var tensors: [Tensor] = []
  /// The first byte after the pickle.
  var end = 0

  /// The key of a storage.
  func key(of storage: Storage, in file: UnsafeRawBufferPointer) throws -> String {
    guard storage.key.count <= 256, let key = String(validating: file[storage.key], as: UTF8.self) else {
      throw TorchProblem.pickle(byte: storage.key.lowerBound, "has a storage whose key is no text of up to 256 bytes")
    }
    return key
  }

  /// The whole numbers of a tuple, or nil when something else is in it.
  func integers(_ tuple: Range<Int>) -> [Int]? {
    var numbers: [Int] = []
    for item in items[tuple] {
      guard case .integer(let number) = item else { return nil }
      numbers.append(number)
    }
    return numbers
  }
}

/// The functions and classes that a file of weights refers to. They are names here, not code.
enum PickleGlobal: Equatable {
  case orderedDictionary
  /// `torch.FloatStorage`, ...; nil for one without an element type.
  case storage(DType?)
  case elementType(DType)
  case rebuildTensor
  /// With requires_grad and hooks behind; version 3 has an element type too.
  case rebuildTensorV2
  case rebuildTensorV3
  /// `Parameter` around a tensor.
  case rebuildParameter
  /// A tensor with attributes of its own.
  case rebuildFromType
  case size
  /// Classes named as arguments.
  case tensorClass
  /// Makes something that is no tensor and holds none.
  case other

  /// The one called `module` `name`.
  ///
  /// - Throws: `TorchProblem` for everything else.
  init(module: String, name: String) throws {
    let path = "\(module).\(name)"
    if let known = PickleGlobal.known[path] {
      self = known
      return
    }
    let isElementType =
      module == "torch" && (name.hasSuffix("Storage") || ["float", "complex", "uint", "q"].contains { name.hasPrefix($0) })
    throw isElementType ? TorchProblem.elementType(path) : TorchProblem.forbidden(global: path)
  }

  private static let known: [String: PickleGlobal] = {
    var known: [String: PickleGlobal] = [
      "collections.OrderedDict": .orderedDictionary,
      "torch._utils._rebuild_tensor": .rebuildTensor,
      "torch._utils._rebuild_tensor_v2": .rebuildTensorV2,
      "torch._utils._rebuild_tensor_v3": .rebuildTensorV3,
      "torch._utils._rebuild_parameter": .rebuildParameter,
      "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
      "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
      "torch.Tensor": .tensorClass,
      "torch.nn.parameter.Parameter": .tensorClass,
      "torch.Size": .size,
      "torch.UntypedStorage": .storage(nil),
      "torch.storage.UntypedStorage": .storage(nil),
      "torch.device": .other,
      "_codecs.encode": .other,
      "builtins.set": .other, "__builtin__.set": .other,
      "builtins.frozenset": .other, "__builtin__.frozenset": .other,
      "builtins.bytearray": .other, "__builtin__.bytearray": .other,
      "builtins.complex": .other, "__builtin__.complex": .other,
    ]
    let types: [(storage: String, names: [String], dtype: DType)] = [
      ("Double", ["float64", "double"], .float64), ("Float", ["float32", "float"], .float32), ("Half", ["float16", "half"], .float16),
      ("BFloat16", ["bfloat16"], .bfloat16), ("Long", ["int64", "long"], .int64), ("Int", ["int32", "int"], .int32),
      ("Short", ["int16", "short"], .int16), ("Char", ["int8"], .int8), ("Byte", ["uint8"], .uint8), ("Bool", ["bool"], .bool),
    ]
    for type in types {
      known["torch.\(type.storage)Storage"] = .storage(type.dtype)
      for name in type.names { known["torch.\(name)"] = .elementType(type.dtype) }
    }
    return known
  }()
}
