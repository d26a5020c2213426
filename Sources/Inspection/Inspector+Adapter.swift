import Adapters
import Bases
import Checkpoints
import FineTuning
import Foundation
import JSON
import Llama
import Runs
import Tensors

extension Inspector {
  func inspectAdapter(_ folder: Folder) -> Inspection {
    var inspection = Inspection(path: folder.path, kind: .adapter, form: "PEFT adapter")
    addAdapter(of: folder, to: &inspection)
    addTokenizer(of: folder, rows: nil, to: &inspection)
    addAdapterFiles(of: folder, to: &inspection)
    return inspection
  }

  /// A shard of anything; one that holds LoRA matrices is an adapter's file.
  func inspectShard(_ bytes: MappedBytes, name: String, path: String, folder: String) throws -> Inspection {
    let file = try TensorFile(bytes, name: name, path: path)
    var facts = AdapterFacts()
    facts.read(file.tensors)
    guard !facts.modules.isEmpty else {
      var inspection = Inspection(path: path, kind: .shard, form: file.format)
      inspection.tensorFiles = [file]
      inspection.parameters = ParameterCounts(file.tensors)
      return inspection
    }
    var inspection = Inspection(path: path, kind: .adapter, form: "weights of a PEFT adapter")
    if let beside = try? Folder(folder), beside.contains("adapter_config.json") {
      addAdapter(of: beside, file: file, to: &inspection)
    } else {
      inspection.add(problem: "no adapter_config.json beside it: alpha, and with it the scale, is not known.")
      inspection.tensorFiles = [file]
      inspection.adapter = facts
      facts.problems.forEach { inspection.add(problem: $0) }
    }
    return inspection
  }

  // MARK: - Parts

  /// - Parameter file: the weights, if they are open already.
  private func addAdapter(of folder: Folder, file: TensorFile? = nil, to inspection: inout Inspection) {
    var facts = AdapterFacts()
    let configurationName = "adapter_config.json"
    do {
      if folder.contains(configurationName) {
        facts.read(try JSONValue(parsing: folder.open(configurationName), path: folder.path(of: configurationName)))
        _ = try PEFTConfiguration.read(folder: folder.path)
      } else {
        inspection.add(problem: "has no adapter_config.json: alpha, and with it the scale, is not known.")
      }
    } catch let error as AdapterError {
      for problem in error.problems { inspection.add(problem: folder.shortened(problem.text(in: folder.path))) }
    } catch {
      inspection.add(problem: folder.shortened("\(error)"))
    }
    do {
      if let name = file?.name ?? folder.adapterFile {
        let file = try file ?? TensorFile(folder.open(name), name: name, path: folder.path(of: name))
        inspection.tensorFiles = [file]
        facts.read(file.tensors)
        facts.problems.forEach { inspection.add(problem: $0) }
      } else {
        inspection.add(problem: "has neither adapter_model.safetensors nor adapter_model.bin.")
      }
    } catch {
      inspection.add(problem: folder.shortened("\(error)"))
    }
    if let reason = facts.reasonToMerge {
      inspection.notes.append("\(reason): it can be merged into its base, but not run or trained beside it.")
    }
    facts.baseFingerprint = baseFingerprint(of: folder.path)
    inspection.adapter = facts
    compareBase(&inspection)
  }

  /// Holds the adapter against the base that it names, if that is here.
  private func compareBase(_ inspection: inout Inspection) {
    guard let facts = inspection.adapter, let path = facts.basePath else { return }
    let isHere = embedded[path] != nil || FileManager.default.fileExists(atPath: path)
    guard isHere else { return }
    let base: Base
    do {
      base = try openBase(path)
    } catch let error as BaseError {
      inspection.adapter?.fit = "cannot be opened"
      inspection.notes.append("the base that it names cannot be opened: \(error.problems.first?.text(in: path) ?? "\(error)")")
      return
    } catch {
      inspection.adapter?.fit = "cannot be opened"
      inspection.notes.append("the base that it names cannot be opened: \(error)")
      return
    }
    let problems = facts.problems(on: base.configuration, path: path)
    guard problems.isEmpty else {
      inspection.adapter?.fit = "shapes differ"
      problems.forEach { inspection.add(problem: $0) }
      return
    }
    guard let trained = facts.baseFingerprint else {
      inspection.adapter?.fit = "shapes fit; no run.json says which base it was trained on"
      return
    }
    let found = base.fingerprint()
    if trained == found {
      inspection.adapter?.fit = "fits: shapes and fingerprint agree"
    } else {
      inspection.adapter?.fit = "shapes fit, but it is another base"
      inspection.add(problem: "was trained on a base with fingerprint \(trained.prefix(12))...; \(path) has \(found.prefix(12))....")
    }
  }

  /// From the record of the run that wrote the adapter: beside it, or above `best` and `checkpoints/step-...`.
  private func baseFingerprint(of path: String) -> String? {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    let parent = url.deletingLastPathComponent()
    var folders = [path]
    if url.lastPathComponent == "best" { folders.append(parent.path) }
    if parent.lastPathComponent == "checkpoints" { folders.append(parent.deletingLastPathComponent().path) }
    return folders.lazy.compactMap { (try? JSONValue(file: "\($0)/\(RunRecord.fileName)"))?["base_fingerprint"]?.string }.first
  }

  private func addAdapterFiles(of folder: Folder, to inspection: inout Inspection) {
    let ofRun = ["run.json", "recipe.yaml", "metrics.jsonl", "loss.svg", "report.html"]
    let small = ["adapter_config.json"] + ofRun + ["tokenizer_config.json"] + Checkpoint.ownFiles
    let used = small.filter { folder.contains($0) } + [inspection.tokenizer?.file].compactMap { $0 }
    inspection.otherFiles = used.compactMap { name in folder[name].map { Inspection.OtherFile(name: name, byteCount: $0.byteCount) } }
    inspection.notes += folder.leftoverNotes(beside: inspection.problems)
    let unused = folder.unused(beside: Set(used + [folder.adapterFile].compactMap { $0 }))
    inspection.unusedFiles = unused.map { Inspection.OtherFile(name: $0.name, byteCount: $0.byteCount) }
    if folder.adapterFile == "adapter_model.safetensors", folder.contains("adapter_model.bin") {
      inspection.notes.append("adapter_model.bin is there too; adapter_model.safetensors is used.")
    }
  }
}

// MARK: - Runs

extension Inspector {
  func inspectRun(_ folder: Folder) -> Inspection {
    var inspection = Inspection(path: folder.path, kind: .run, form: "run folder")
    let facts = RunFacts(folder: folder.path)
    inspection.run = facts
    facts.problems.forEach { inspection.add(problem: $0) }
    inspection.notes += facts.notes
    if facts.hasAdapter { addAdapter(of: folder, to: &inspection) }
    let onward = "puna train \(folder.path(of: "recipe.yaml")) --resume"
    switch facts.state {
    case .finished: break
    case .running: inspection.notes.append("a process is training into this folder.")
    case .interrupted: inspection.notes.append("the run did not finish. Go on from step \(facts.resumableStep ?? 0) with: \(onward)")
    case .incomplete: inspection.notes.append("the run did not finish, and there is no checkpoint to go on from.")
    }
    addTokenizer(of: folder, rows: nil, to: &inspection)
    addAdapterFiles(of: folder, to: &inspection)
    return inspection
  }
}
