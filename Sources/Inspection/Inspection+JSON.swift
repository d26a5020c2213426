import Checkpoints
import JSON
import Runs
import Tensors

extension Inspection {
  /// The report for a program. Every key is always there; what is not known, or does not apply, is null.
  public var json: JSONValue {
    .object([
      "path": .string(path), "kind": .string(kind.rawValue), "form": .string(form), "network": network?.json ?? .null,
      "parameters": parameters?.json ?? .null, "fingerprint": .optional(fingerprint),
      "tokenizer": tokenizer?.json ?? .null, "chat_template": .optional(chatTemplate),
      "adapter": adapter?.json ?? .null, "run": run?.json ?? .null, "files": .array(files), "tensors": .array(tensors),
      "verification": verification?.json ?? .null, "notes": .array(notes.map { .string($0) }),
      "problems": .array(problems.map { .string($0) }),
    ])
  }

  private var files: [JSONValue] {
    func file(_ name: String, _ byteCount: Int, tensors: JSONValue = .null, isUsed: Bool) -> JSONValue {
      .object(["name": .string(name), "bytes": .integer(byteCount), "tensors": tensors, "used": .bool(isUsed)])
    }
    return tensorFiles.map { file($0.name, $0.bytes.count, tensors: .integer($0.tensors.count), isUsed: true) }
      + otherFiles.map { file($0.name, $0.byteCount, isUsed: true) } + unusedFiles.map { file($0.name, $0.byteCount, isUsed: false) }
  }

  private var tensors: [JSONValue] {
    tensorFiles.flatMap { file in
      file.tensors.map { tensor in
        .object([
          "name": .string(tensor.name), "dtype": .string(tensor.dtype.safetensorsName),
          "shape": .array(tensor.shape.map { .integer($0) }), "file": .string(file.name),
          "bytes": .array([.integer(tensor.bytes.range.lowerBound), .integer(tensor.bytes.range.upperBound)]),
          "row_byte_stride": .optional(tensor.rowByteStride),
        ])
      }
    }
  }
}

extension ParameterCounts {
  var json: JSONValue {
    var members = ["total": JSONValue.integer(total)]
    for part in Part.allCases { members[part.rawValue] = .integer(parts[part] ?? 0) }
    members["dtypes"] = .object(Dictionary(uniqueKeysWithValues: types.map { ($0.key.rawValue, .integer($0.value)) }))
    return .object(members)
  }
}
