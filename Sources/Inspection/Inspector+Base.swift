import Bases
import Checkpoints
import JSON
import Llama
import Pages
import Tensors
import Tokenizers

extension Inspector {
  /// A base, however broken: what can be read is shown, everything that is wrong is listed.
  func inspectBase(_ folder: Folder, isEmbedded: Bool = false) -> Inspection {
    let layouts = WeightLayout.all(in: folder)
    let layout = layouts.first
    let style = isEmbedded ? "part of the program, " : layout?.family == .meta ? "" : "Hugging Face folder, "
    var inspection = Inspection(path: folder.path, kind: .base, form: "\(style)\(layout?.words ?? "no weights")")

    let base = open(folder, &inspection)
    let configuration = base?.configuration ?? (isEmbedded ? nil : (try? Base.configuration(ofFolder: folder.path)) ?? nil)
    inspection.network = configuration.map { NetworkFacts(configuration: $0) }
    if let layout { addShards(of: layout, in: folder, to: &inspection) }
    inspection.fingerprint = base?.fingerprint()
    let tensors = inspection.tensorFiles.flatMap(\.tensors)
    if let base {
      inspection.parameters = ParameterCounts(base.weights.values)
    } else if let configuration {
      inspection.parameters = ParameterCounts(configuration)
    } else if !tensors.isEmpty {
      inspection.parameters = ParameterCounts(tensors)
    }
    addTokenizer(of: folder, at: base?.tokenizerPath, rows: configuration?.vocabularySize, to: &inspection)
    if let configuration { compareTokens(configuration, &inspection) }

    for other in layouts.dropFirst() {
      let byteCount = other.files.reduce(0) { $0 + (folder[$1]?.byteCount ?? 0) }
      let size = byteCount > 0 ? " (\(Words.bytes(byteCount)))" : ""
      inspection.notes.append("\(other.words)\(size) are there too, but not read: \(layout?.family.rawValue ?? "") come first.")
    }
    addFolderNotes(folder, layout: layout, to: &inspection)
    return inspection
  }

  private func open(_ folder: Folder, _ inspection: inout Inspection) -> Base? {
    do {
      return try openBase(folder.path)
    } catch let error as BaseError {
      for problem in error.problems { inspection.add(problem: folder.shortened(problem.text(in: folder.path))) }
    } catch {
      inspection.add(problem: folder.shortened("\(error)"))
    }
    return nil
  }

  /// Reads each shard by itself, so that one that is broken hides no other.
  private func addShards(of layout: WeightLayout, in folder: Folder, to inspection: inout Inspection) {
    var isComplete = true
    for name in layout.files {
      do {
        inspection.tensorFiles.append(try TensorFile(folder.open(name), name: name, path: folder.path(of: name)))
      } catch {
        isComplete = false
        // The base's own message names the file too.
        if !inspection.problems.contains(where: { $0.contains("'\(name)'") || $0.hasPrefix("\(name):") }) {
          inspection.add(problem: folder.shortened("\(error)"))
        }
      }
    }
    guard isComplete, let name = layout.index, let index = try? JSONValue(parsing: folder.open(name), path: name) else { return }
    guard let promised = index["metadata"]?["total_size"]?.integer, promised != inspection.tensorByteCount else { return }
    inspection.notes.append(
      "\(name): total_size is \(Words.grouped(promised)); the tensors have \(Words.grouped(inspection.tensorByteCount)) bytes. "
        + "Nothing depends on it.")
  }

  /// Ids of begin and end that configuration and tokenizer do not share.
  private func compareTokens(_ configuration: LlamaConfiguration, _ inspection: inout Inspection) {
    guard let tokenizer = inspection.tokenizer else { return }
    if let begin = tokenizer.beginOfSequence, let configured = configuration.beginOfSequence, begin.id != configured {
      inspection.notes.append("the configuration says that BOS is \(configured); the tokenizer's is \(begin.words).")
    }
    if let end = tokenizer.endOfSequence, !configuration.endOfSequence.isEmpty, !configuration.endOfSequence.contains(end.id) {
      let configured = configuration.endOfSequence.map(String.init).joined(separator: ", ")
      inspection.notes.append("the configuration says that EOS is \(configured); the tokenizer's is \(end.words).")
    }
  }

  private func addFolderNotes(_ folder: Folder, layout: WeightLayout?, to inspection: inout Inspection) {
    let small = ["config.json", "generation_config.json", "params.json", "original/params.json", "tokenizer_config.json"]
    let used = small.filter { folder.contains($0) } + [layout?.index, inspection.tokenizer?.file].compactMap { $0 }
    inspection.otherFiles = used.compactMap { name in folder[name].map { Inspection.OtherFile(name: name, byteCount: $0.byteCount) } }
    if folder.contains("adapter_config.json") { inspection.notes.append("the folder holds an adapter too (adapter_config.json).") }
    if inspection.tokenizer?.file == "tokenizer.model", folder.contains("tokenizer.json") {
      inspection.notes.append("tokenizer.json is there too; tokenizer.model is used.")
    }
    inspection.notes += folder.leftoverNotes(beside: inspection.problems)
    let unused = folder.unused(beside: Set(used + (layout?.files ?? [])))
    inspection.unusedFiles = unused.map { Inspection.OtherFile(name: $0.name, byteCount: $0.byteCount) }
    inspection.chatTemplate = chatTemplate(of: folder)
  }

  /// Where a chat template is recorded; Puna's own templates do not use it.
  private func chatTemplate(of folder: Folder) -> String? {
    if folder.contains("chat_template.jinja") { return "chat_template.jinja" }
    let name = "tokenizer_config.json"
    guard folder.contains(name), let document = try? JSONValue(parsing: folder.open(name), path: name) else { return nil }
    switch document["chat_template"] {
    case .string: return name
    case .array(let templates):
      let names = templates.compactMap { $0["name"]?.string }
      return names.isEmpty ? name : "\(name) (\(names.joined(separator: ", ")))"
    default: return nil
    }
  }
}

// MARK: - Tokenizers

extension Inspector {
  /// A tokenizer file, or the tokenizer of a folder that has nothing else.
  func inspectTokenizer(_ path: String, in folder: Folder?) throws -> Inspection {
    let kind = Inspector.tokenizerKind(try FileForm(MappedFile.open(path)))
    var inspection = Inspection(path: folder?.path ?? path, kind: .tokenizer, form: kind)
    do {
      inspection.tokenizer = try facts(path, file: path.split(separator: "/").last.map(String.init) ?? path, kind: kind)
    } catch let error as TokenizerError {
      inspection.add(problem: folder?.shortened(error.description) ?? error.description)
    }
    if let folder {
      inspection.notes += folder.leftoverNotes(beside: inspection.problems)
      if folder.contains("tokenizer.model"), folder.contains("tokenizer.json") {
        inspection.notes.append("tokenizer.json is there too; tokenizer.model is used.")
      }
    }
    return inspection
  }

  /// Adds the tokenizer of a folder, if it has one.
  ///
  /// - Parameter path: where the base found it, which may be beside Meta's files or above them.
  func addTokenizer(of folder: Folder, at path: String? = nil, rows: Int?, to inspection: inout Inspection) {
    guard let file = path.map({ folder.shortened($0) }) ?? folder.tokenizerFile else { return }
    do {
      let form = try FileForm(path.map { try MappedFile.open($0) } ?? folder.open(file))
      let place = embedded[folder.path] == nil ? path ?? folder.path(of: file) : folder.path
      inspection.tokenizer = try facts(place, file: file, kind: Inspector.tokenizerKind(form))
      inspection.tokenizer?.embeddingRowCount = rows
      if let fit = inspection.tokenizer?.fit, fit.isWrong {
        inspection.add(problem: "\(file): \(Words.count(inspection.tokenizer?.vocabularySize ?? 0, "id")), \(fit.words).")
      }
    } catch {
      inspection.add(problem: folder.shortened("\(error)"))
    }
  }

  private func facts(_ path: String, file: String, kind: String) throws -> TokenizerFacts? {
    try openTokenizer(path).map { try TokenizerFacts($0, file: file, kind: kind) }
  }

  private static func tokenizerKind(_ form: FileForm) -> String {
    switch form {
    case .sentencePiece: "SentencePiece"
    case .tokenizerJSON: "tokenizer.json"
    case .tiktoken: "tiktoken"
    default: "unknown"
    }
  }
}
