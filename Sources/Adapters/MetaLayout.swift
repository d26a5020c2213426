import Bases
import Checkpoints
import Tensors

/// `consolidated.00.pth`, `consolidated.01.pth`, ...: Meta's files, each with a part of every tensor.
struct MetaLayout: MergeLayout {
  let order: [MergedTensor]
  /// Of each in `order`.
  private let tensors: [MetaTensor]
  private let split: MetaSplit

  /// - Parameter merged: The tensors of the model; a head that is not among them is the embedding.
  init(_ merged: [MergedTensor], split: MetaSplit) {
    let byName = Dictionary(uniqueKeysWithValues: merged.map { ($0.name, $0) })
    let pairs = split.tensors.compactMap { tensor in (byName[tensor.weight] ?? byName[PEFTAdapter.embeddingName]).map { ($0, tensor) } }
    (order, tensors, self.split) = (pairs.map(\.0), pairs.map(\.1), split)
  }

  static func fileName(_ shard: Int) -> String { "consolidated.\(shard < 10 ? "0" : "")\(shard).pth" }

  var byteCount: Int { (0..<split.shardCount).reduce(0) { $0 + declarations($1).reduce(0) { $0 + $1.byteCount } } }

  /// Rotary pairs of a head lie together in Meta's order.
  func rowMultiple(of tensor: MergedTensor) -> Int {
    tensors.first { $0.weight == tensor.name }?.headDimension ?? 1
  }

  func makeWriter(in folder: String) throws -> any MergeWriter { try Writer(self, folder: folder) }

  private func declarations(_ shard: Int) -> [TorchWriter.Declaration] {
    zip(tensors, order).map { tensor, merged in
      let (rows, columns) = split.part(of: tensor, in: shard)
      let shape = tensor.shape.count == 2 ? [rows.count, columns.count] : [columns.count]
      return TorchWriter.Declaration(name: tensor.name, dtype: merged.dtype, shape: shape)
    }
  }

  /// Deals the rows of each tensor out to all files.
  private final class Writer: MergeWriter {
    private let layout: MetaLayout
    private let files: [TorchWriter]
    /// Of the tensor in the layout's order.
    private var index = 0
    /// Its first row that is not dealt out.
    private var row = 0
    /// Rows that are not enough yet.
    private var pending: [UInt8] = []
    private var gathered: [UInt8] = []

    /// Small writes cost more than copies.
    private static let stepByteCount = 1 << 20

    init(_ layout: MetaLayout, folder: String) throws {
      self.layout = layout
      files = try (0..<layout.split.shardCount).map {
        try TorchWriter("\(folder)/\(MetaLayout.fileName($0))", tensors: layout.declarations($0))
      }
    }

    func append(_ rows: UnsafeRawBufferPointer) throws {
      var rest = rows
      while !rest.isEmpty {
        let tensor = layout.order[index]
        let rowByteCount = tensor.columns * tensor.dtype.byteCount
        let unit = layout.tensors[index].headDimension ?? 1
        let step = max(unit, Writer.stepByteCount / rowByteCount / unit * unit)
        let count = min(step, tensor.rows - row)
        let missing = UnsafeRawBufferPointer(rebasing: rest.prefix(count * rowByteCount - pending.count))
        rest = UnsafeRawBufferPointer(rebasing: rest[missing.count...])
        if missing.count == count * rowByteCount {
          try deal(missing, rows: row..<row + count)
        } else {
          pending.append(contentsOf: missing)
          guard pending.count == count * rowByteCount else { return }
          try pending.withUnsafeBytes { try deal($0, rows: row..<row + count) }
          pending.removeAll(keepingCapacity: true)
        }
        row += count
        if row == tensor.rows { (index, row) = (index + 1, 0) }
      }
    }

    func finish() throws {
      precondition(index == layout.order.count && pending.isEmpty, "tensors were left out")
      for file in files { try file.finish() }
    }

    /// - Parameter rows: Whole heads where their order changes.
    private func deal(_ bytes: UnsafeRawBufferPointer, rows: Range<Int>) throws {
      let tensor = layout.tensors[index]
      let size = layout.order[index].dtype.byteCount
      let rowByteCount = layout.order[index].columns * size
      for (shard, file) in files.enumerated() {
        let part = layout.split.part(of: tensor, in: shard)
        let own = part.rows.clamped(to: rows)
        guard !own.isEmpty else { continue }
        if tensor.headDimension == nil, part.columns.count * size == rowByteCount {
          let range = (own.lowerBound - rows.lowerBound) * rowByteCount..<(own.upperBound - rows.lowerBound) * rowByteCount
          try file.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
          continue
        }
        gathered.removeAll(keepingCapacity: true)
        for row in own {
          let begin = (tensor.huggingFaceRow(of: row) - rows.lowerBound) * rowByteCount
          let range = begin + part.columns.lowerBound * size..<begin + part.columns.upperBound * size
          gathered.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
        try gathered.withUnsafeBytes { try file.append($0) }
      }
    }
  }
}
