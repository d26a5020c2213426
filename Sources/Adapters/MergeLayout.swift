import Checkpoints
import Foundation
import JSON
import Tensors

/// How a merged model lies on the disk: which files there are and in which order they want the tensors.
protocol MergeLayout: Sendable {
  /// The tensors as the writer will take them; one may come twice, where a file repeats it.
  var order: [MergedTensor] { get }
  /// Bytes of all tensors in the files.
  var byteCount: Int { get }
  /// Rows of a tensor come in pieces of a multiple of this, from its first row on.
  func rowMultiple(of tensor: MergedTensor) -> Int
  /// Begins the files in `folder`. Called on the thread that writes.
  func makeWriter(in folder: String) throws -> any MergeWriter
}

/// Writes the files of one layout, fed with the bytes of its tensors.
protocol MergeWriter: AnyObject {
  /// The next rows, in Hugging Face row order and in the tensor's dtype.
  func append(_ rows: UnsafeRawBufferPointer) throws
  /// Flushes everything.
  func finish() throws
}

/// `model-00001-of-0000n.safetensors` with an index, or one `model.safetensors`, as transformers writes them.
struct HuggingFaceLayout: MergeLayout {
  let order: [MergedTensor]
  /// Tensors by file, in order.
  let shards: [(file: String, tensors: [MergedTensor])]

  /// - Parameter maximumShardSize: in bytes; a larger tensor has a file of its own.
  init(_ tensors: [MergedTensor], maximumShardSize: Int) {
    order = tensors
    var shards: [[MergedTensor]] = [[]]
    var byteCount = 0
    for tensor in tensors {
      if byteCount > 0, tensor.byteCount > maximumShardSize - byteCount {
        shards.append([])
        byteCount = 0
      }
      shards[shards.count - 1].append(tensor)
      byteCount += tensor.byteCount
    }
    func digits(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
    let count = shards.count
    self.shards = shards.enumerated().map { index, tensors in
      (count == 1 ? "model.safetensors" : "model-\(digits(index + 1))-of-\(digits(count)).safetensors", tensors)
    }
  }

  var byteCount: Int { order.reduce(0) { $0 + $1.byteCount } }

  func rowMultiple(of tensor: MergedTensor) -> Int { 1 }

  func makeWriter(in folder: String) throws -> any MergeWriter { Writer(self, folder: folder) }

  private final class Writer: MergeWriter {
    private let layout: HuggingFaceLayout
    private let folder: String
    private var shard = 0
    private var file: SafetensorsWriter?
    /// Bytes of the open file still to come.
    private var remaining = 0

    init(_ layout: HuggingFaceLayout, folder: String) {
      self.layout = layout
      self.folder = folder
    }

    func append(_ rows: UnsafeRawBufferPointer) throws {
      let file: SafetensorsWriter
      if let open = self.file {
        file = open
      } else {
        let (name, tensors) = layout.shards[shard]
        file = try SafetensorsWriter(
          "\(folder)/\(name)", tensors: tensors.map { .init(name: $0.name, dtype: $0.dtype, shape: $0.shape) })
        remaining = tensors.reduce(0) { $0 + $1.byteCount }
        self.file = file
      }
      try file.append(rows)
      remaining -= rows.count
      if remaining == 0 {
        try file.finish()
        self.file = nil
        shard += 1
      }
    }

    func finish() throws {
      precondition(shard == layout.shards.count, "files were left out")
      guard layout.shards.count > 1 else { return }
      var files: [String: JSONValue] = [:]
      for (file, tensors) in layout.shards { for tensor in tensors { files[tensor.name] = .string(file) } }
      let index = JSONValue.object([
        "metadata": .object([
          "total_parameters": .integer(layout.order.reduce(0) { $0 + $1.shape.reduce(1, *) }),
          "total_size": .integer(layout.order.reduce(0) { $0 + $1.byteCount }),
        ]),
        "weight_map": .object(files),
      ])
      try AtomicFile.write(index.text, to: "\(folder)/model.safetensors.index.json")
    }
  }
}
