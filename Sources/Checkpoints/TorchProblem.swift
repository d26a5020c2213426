/// What can be wrong with a file of PyTorch.
public enum TorchProblem: Error, Sendable, Equatable {
  /// Something else under the name: `found` says what, and what to do.
  case disguised(found: String)
  /// The archive's directory is damaged or lies; the sentence goes on after "its zip archive is damaged:".
  case zip(String)
  case compressed(entry: String)
  case missingEntry(String)
  case bigEndian
  /// The sentence goes on after "its pickle".
  case pickle(byte: Int, String)
  /// A function or class that no weights need.
  case forbidden(global: String)
  case elementType(String)
  /// A whole pickled module in place of its weights.
  case pickledModule

  // The tensors
  case noTensors(found: String)
  /// More than one dictionary of tensors, by their keys.
  case severalDictionaries([String])
  case duplicateTensor(String)
  case badShape(tensor: String)
  case missingStorage(tensor: String, storage: String)
  /// Sizes in bytes.
  case storageSize(storage: String, expected: Int, found: Int)
  case beyondStorage(tensor: String, storage: String)
  /// Elements of a row do not lie side by side.
  case scattered(tensor: String, shape: [Int], strides: [Int])
  /// A file of the form before PyTorch 1.6 whose storages end early or late; sizes of the whole file in bytes.
  case length(expected: Int, found: Int)
}

extension TorchProblem {
  /// The sentence without the file's name.
  var text: String {
    switch self {
    case .disguised(let found): found
    case .zip(let sentence): "its zip archive is damaged: \(sentence)."
    case .compressed(let entry):
      "'\(entry)' is compressed; PyTorch stores what it writes as it is. Unpack the archive and pack it again without compression "
        + "(zip -0 -r)."
    case .missingEntry(let entry): "is a zip archive without '\(entry)': not a file that torch.save wrote."
    case .bigEndian: "was written on a big-endian machine. Load and save it with PyTorch on a little-endian one."
    case .pickle(let byte, let sentence): "its pickle \(sentence) (at byte \(byte))."
    case .forbidden(let global):
      "its pickle asks for '\(global)'; a checkpoint needs no such thing, and nothing was run. If you trust where it comes from, save its "
        + "weights alone with torch.save(model.state_dict(), ...)."
    case .elementType(let name): "holds elements of \(name); known are float64, 32 and 16, bfloat16, int64, 32, 16 and 8, uint8 and bool."
    case .pickledModule: "holds a pickled module, which is code. Save its weights alone with torch.save(model.state_dict(), ...)."

    case .noTensors(let found): "holds \(found); expected a dictionary from names to tensors."
    case .severalDictionaries(let names):
      "holds several dictionaries of tensors: \(names.map { "'\($0)'" }.joined(separator: ", ")). Save the one that is meant alone."
    case .duplicateTensor(let tensor): "holds '\(tensor)' twice."
    case .badShape(let tensor): "'\(tensor)' has no proper shape and strides: up to 8 of each, whole numbers from 0."
    case .missingStorage(let tensor, let storage): "'\(tensor)' lies in storage '\(storage)', which the file does not hold."
    case .storageSize(let storage, let expected, let found):
      "storage '\(storage)' is said to take \(expected) bytes, but has \(found)."
    case .beyondStorage(let tensor, let storage): "'\(tensor)' reaches beyond the end of its storage '\(storage)'."
    case .scattered(let tensor, let shape, let strides):
      "'\(tensor)' is a view of shape \(shape) with strides \(strides), whose rows do not lie in one piece. Save it with .contiguous()."
    case .length(let expected, let found): "should have \(expected) bytes by what it says, but has \(found). Copy or download it again."
    }
  }
}
