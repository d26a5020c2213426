import Foundation
import JSON

/// What is wrong with a file that was to be read or written: `path`, and why.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, as the caller named it.
  public let path: String
  public let reason: Reason

  public init(path: String, reason: Reason) {
    self.path = path
    self.reason = reason
  }

  public enum Reason: Sendable, Equatable {
    // Opening
    case missing
    /// A symbolic link to a file that is not there: usual for a download that was interrupted.
    case danglingLink(target: String)
    case linkLoop
    case isFolder
    /// A device, socket or pipe.
    case notAFile
    case empty
    case notReadable
    /// A few lines of text in place of the file, as a clone without Git LFS leaves them.
    case gitLFSPointer

    // JSON
    case json(JSONError)
    /// Readable JSON of the wrong form.
    case malformed(String)

    // Safetensors
    case tooShort(byteCount: Int)
    case headerTooLong(byteCount: UInt64)
    case headerBeyondFile(byteCount: UInt64, found: Int)
    case notSafetensors
    case unknownDType(tensor: String, dtype: String)
    case shapeOverflow(tensor: String, shape: [Int])
    case badOffsets(tensor: String, begin: Int, end: Int)
    /// The shape needs `expected` bytes; the offsets span `found`.
    case sizeMismatch(tensor: String, expected: Int, found: Int)
    case overlap(tensor: String, with: String)
    case gap(before: String, byteCount: Int)
    /// Sizes of the whole file in bytes.
    case cutShort(expected: Int, found: Int)
    case trailingBytes(expected: Int, found: Int)

    // PyTorch
    case torch(TorchProblem)

    // Shards
    case nameLeavesFolder(file: String, tensor: String)

    // Writing
    /// A file where a folder must be.
    case fileInTheWay(String)
    case folderMissing
    case notWritable
    case diskFull(written: Int)
    /// Anything else that the system refused.
    case system(operation: String, code: Int32)
  }

  public var description: String {
    if case .json(let error) = reason {
      let (byte, sentence) = error.sentence
      return "\(path):\(error.line): unreadable JSON at byte \(byte): \(sentence)"
    }
    return "\(path): \(reason.text)"
  }
}

extension CheckpointError.Reason {
  /// The sentence without the file's name.
  public var text: String {
    switch self {
    case .missing: "no such file."
    case .danglingLink(let target): "is a link to '\(target)', which does not exist. The download may be incomplete."
    case .linkLoop: "symbolic links lead round in a loop."
    case .isFolder: "is a folder; expected a file."
    case .notAFile: "is not a regular file."
    case .empty: "is empty (0 bytes)."
    case .notReadable: "cannot be read: permission denied."
    case .gitLFSPointer: "is a Git LFS pointer, not the file itself. Run `git lfs pull` in its folder."

    case .json(let error): "unreadable JSON in line \(error.line) at byte \(error.sentence.byte): \(error.sentence.text)"
    case .malformed(let message): message

    case .tooShort(let byteCount): "has only \(byteCount) bytes; a safetensors file begins with 8 bytes of header length."
    case .headerTooLong(let byteCount):
      "its header is said to take \(byteCount) bytes, more than the 100 MB allowed: not a safetensors file, or damaged."
    case .headerBeyondFile(let byteCount, let found):
      "its header is said to take \(byteCount) bytes, but only \(found) follow: cut short, or not a safetensors file."
    case .notSafetensors: "its header does not begin with '{': not a safetensors file, or damaged."
    case .unknownDType(let tensor, let dtype):
      "'\(tensor)' has dtype \(dtype); known are F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL."
    case .shapeOverflow(let tensor, let shape): "'\(tensor)' is \(shape): no memory holds that many elements."
    case .badOffsets(let tensor, let begin, let end): "'\(tensor)' is said to lie at bytes \(begin)..<\(end) of the data."
    case .sizeMismatch(let tensor, let expected, let found):
      "'\(tensor)' needs \(expected) bytes for its shape, but its offsets span \(found)."
    case .overlap(let tensor, let other): "'\(tensor)' and '\(other)' share bytes."
    case .gap(let tensor, let byteCount): "\(byteCount) bytes before '\(tensor)' belong to no tensor."
    case .cutShort(let expected, let found):
      "is cut short: its header describes \(expected) bytes, found \(found). Copy or download it again."
    case .trailingBytes(let expected, let found): "its header describes \(expected) bytes, but the file has \(found)."

    case .torch(let problem): problem.text

    case .nameLeavesFolder(let file, let tensor):
      "names '\(file)' for '\(tensor)'; shards must be plain file names in the same folder."

    case .fileInTheWay(let file): "cannot be made: \(file) is a file, not a folder."
    case .folderMissing: "cannot be written: its folder does not exist."
    case .notWritable: "cannot be written: permission denied."
    case .diskFull(let written): "cannot be written: the disk is full (after \(written) bytes). Nothing was left behind."
    case .system(let operation, let code): "\(operation) failed: \(String(cString: strerror(code)))."
    }
  }
}
