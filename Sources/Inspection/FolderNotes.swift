import Checkpoints
import Pages
import Tensors

extension Folder {
  /// What interrupted downloads and killed runs leave behind, and files without content; `problems` are known already.
  func leftoverNotes(beside problems: [String]) -> [String] {
    var notes: [String] = []
    func note(_ entries: [Entry], _ one: String, _ several: String) {
      let entries = entries.filter { entry in !problems.contains { $0.hasPrefix("\(entry.name):") } }
      guard !entries.isEmpty else { return }
      notes.append("\(Words.list(entries.map(\.name), atMost: 4)): \(entries.count == 1 ? one : several)")
    }
    let files = entries.filter { $0.form == .file }
    note(files.filter { Folder.isPartial($0.name) }, "left by an interrupted download.", "left by interrupted downloads.")
    note(
      files.filter { AtomicFile.isLeftover($0.name) }, "left by a program that was killed while writing.",
      "left by programs that were killed while writing.")
    note(entries.filter { $0.form == .danglingLink }, "a link to what does not exist.", "links to what does not exist.")
    note(
      files.filter { $0.byteCount == 0 && !Folder.isPartial($0.name) && !AtomicFile.isLeftover($0.name) }, "is empty (0 bytes).",
      "are empty (0 bytes).")
    let pointers = files.filter { (1..<1024).contains($0.byteCount) && form(of: $0.name) == .gitLFSPointer }
    note(
      pointers, "a Git LFS pointer, not the file itself; run `git lfs pull`.",
      "Git LFS pointers, not the files themselves; run `git lfs pull`.")
    // The client of Hugging Face keeps unfinished downloads in a folder of its own.
    if let downloads = try? Folder(path(of: ".cache/huggingface/download")) {
      let partial = downloads.entries.filter { $0.name.hasSuffix(".incomplete") }
      if !partial.isEmpty {
        notes.append(".cache/huggingface/download: \(Words.count(partial.count, "unfinished download")).")
      }
    }
    return notes
  }

  private static func isPartial(_ name: String) -> Bool {
    [".incomplete", ".part", ".partial", ".crdownload", ".aria2", ".download"].contains { name.hasSuffix($0) }
  }

  /// Files that are not among `used`, the largest first; folders aside.
  func unused(beside used: Set<String>) -> [Entry] {
    entries.filter { $0.form == .file && !used.contains($0.name) }.sorted { ($1.byteCount, $0.name) < ($0.byteCount, $1.name) }
  }
}
