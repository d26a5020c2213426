import Pages
import Tensors

extension Inspection {
  /// The report for a person.
  ///
  /// - Parameter listsTensors: every tensor with its place, rather than a line for all layers.
  public func text(listsTensors: Bool = false) -> String {
    var page = Page()
    page.line("\(path): \(title)")
    page.gap()
    describeNetwork(&page)
    describeRun(&page)
    describeAdapter(&page)
    if let tokenizer { page.rows("tokenizer", tokenizer.words) }
    if let chatTemplate { page.row("chat template", "in \(chatTemplate)") }
    if let fingerprint { page.row("fingerprint", fingerprint) }
    describeFiles(&page)
    if listsTensors { describeEveryTensor(&page) } else { describeTensors(&page) }
    verification?.describe(&page)
    describeNotes(&page)
    return page.text
  }

  private var title: String {
    switch kind {
    case .base: "base, \(form)"
    case .adapter: form
    case .run: "run folder, \(run?.state.rawValue ?? "")"
    case .tokenizer: "tokenizer"
    case .shard: "\(form) file, \(Words.count(tensorFiles.first?.tensors.count ?? 0, "tensor"))"
    }
  }

  private func describeNetwork(_ page: inout Page) {
    if let network {
      page.row("architecture", network.words)
      page.row("positions", network.positions)
    }
    guard let parameters, parameters.total > 0 else { return }
    let types = parameters.typesByShare
    let total = Words.grouped(parameters.total)
    switch types.count {
    case 0: page.row("parameters", "\(total) by the configuration")
    case 1: page.row("parameters", "\(total) in \(types[0].dtype.rawValue), \(Words.bytes(tensorByteCount))")
    default:
      let shares = types.map { "\($0.dtype.rawValue) \(Words.grouped($0.count))" }.joined(separator: ", ")
      page.row("parameters", "\(total), \(Words.bytes(tensorByteCount)): \(shares)")
    }
    var cells: [[String]] = []
    for part in ParameterCounts.Part.allCases {
      guard let count = parameters.parts[part] else { continue }
      cells.append([part.words, Words.grouped(count), Words.share(count, of: parameters.total)])
    }
    if kind == .base { page.table(cells, right: [1, 2]) }
  }

  private func describeRun(_ page: inout Page) {
    guard let run else { return }
    for row in run.rows { page.row(row.label, row.text) }
    if let record = run.record {
      page.row("base", "\(record.base), fingerprint \(record.baseFingerprint.prefix(16))..." + (adapter?.fit.map { "; \($0)" } ?? ""))
    }
    page.gap()
  }

  private func describeAdapter(_ page: inout Page) {
    guard let adapter else { return }
    page.row(kind == .run ? "adapter" : "settings", adapter.settings)
    if kind != .run || run?.record == nil { describeBase(of: adapter, &page) }
    if let targets = adapter.targetModules?.string { page.row("target pattern", targets) }
    if !adapter.unusualSettings.isEmpty { page.rows("unusual", adapter.unusualSettings) }
    if adapter.parameterCount > 0 {
      let types = adapter.types.map(\.rawValue).joined(separator: " and ")
      page.row("parameters", "\(Words.grouped(adapter.parameterCount)) in \(types), \(Words.bytes(tensorByteCount))")
    }
    page.table(adapter.moduleRows)
  }

  private func describeBase(of adapter: AdapterFacts, _ page: inout Page) {
    guard let path = adapter.basePath else { return page.row("base", "not named") }
    page.row("base", "\(path) (\(adapter.fit ?? "not a folder here, so nothing was compared"))")
    if let fingerprint = adapter.baseFingerprint { page.row("trained on", "a base with fingerprint \(fingerprint)") }
  }

  private func describeFiles(_ page: inout Page) {
    guard kind != .tokenizer, kind != .shard else { return }
    page.gap()
    page.line("files")
    var cells = tensorFiles.map { [$0.name, Words.bytes($0.bytes.count), Words.count($0.tensors.count, "tensor")] }
    cells += otherFiles.map { [$0.name, Words.bytes($0.byteCount)] }
    page.table(cells, right: [1])
    if !unusedFiles.isEmpty {
      let names = unusedFiles.map { $0.byteCount < 1_000_000 ? $0.name : "\($0.name) (\(Words.bytes($0.byteCount)))" }
      page.list(["not used: \(Words.list(names, atMost: 8))"])
    }
  }

  private func describeTensors(_ page: inout Page) {
    let tensors = tensorFiles.flatMap(\.tensors)
    // Of an adapter, the modules say it.
    guard !tensors.isEmpty, adapter.map({ $0.modules.isEmpty || !$0.otherTensors.isEmpty || !$0.unpaired.isEmpty }) ?? true else { return }
    page.gap()
    page.line("tensors")
    page.table(
      TensorGroup.groups(of: tensors).map { group in
        [group.name, group.dtype.safetensorsName, "\(group.shape)", group.count == 1 ? "" : "x\(group.count)"]
      })
  }

  private func describeEveryTensor(_ page: inout Page) {
    for file in tensorFiles {
      page.gap()
      page.line("tensors of \(file.name), with their bytes in it")
      page.table(
        file.tensors.map { tensor in
          let range = tensor.bytes.range
          return [tensor.name, tensor.dtype.safetensorsName, "\(tensor.shape)", "\(range.lowerBound)..<\(range.upperBound)"]
        })
    }
  }

  private func describeNotes(_ page: inout Page) {
    if !notes.isEmpty {
      page.gap()
      page.line("notes")
      page.list(notes)
    }
    guard !problems.isEmpty else { return }
    page.gap()
    page.line(problems.count == 1 ? "problem" : "\(Words.grouped(problems.count)) problems")
    // A wrong width makes every tensor a problem; the first say it.
    page.list(problems.count > 20 ? problems.prefix(16) + ["and \(problems.count - 16) more."] : problems)
  }
}

extension ParameterCounts.Part {
  fileprivate var words: String { self == .feedForward ? "feed-forward" : rawValue }
}
