/// Rows, or documents of text, that say what others say.
public struct RowRepeats: Sendable, Equatable {
  /// A row by name, and one that says the same.
  public struct Pair: Sendable, Equatable {
    public let row: String
    public let other: String
  }

  /// Rows that repeat another.
  public internal(set) var count = 0
  /// Rows looked at.
  public internal(set) var rowCount = 0
  /// The first of those that repeat another.
  public internal(set) var first: [Pair] = []

  static let named = 3

  mutating func add(_ pair: @autoclosure () -> Pair) {
    count += 1
    if first.count < RowRepeats.named { first.append(pair()) }
  }
}

extension TrainingSet {
  /// A row, or a document of text, by its file and place there.
  private struct Unit {
    let source: Int
    /// From 0.
    let place: Int
  }

  /// Rows that are trained on and repeat an earlier one, of any file.
  public func repeatedRows() -> RowRepeats {
    var repeats = RowRepeats()
    var hashes: [Int] = []
    forEachTrained { _, hash in hashes.append(hash) }
    repeats.rowCount = hashes.count
    hashes.sort()
    let repeated = Set(zip(hashes, hashes.dropFirst()).lazy.filter { $0 == $1 }.map(\.0))
    guard !repeated.isEmpty else { return repeats }
    var seen: [Int: Unit] = [:]
    forEachTrained { unit, hash in
      guard repeated.contains(hash) else { return }
      if let earlier = seen[hash] {
        repeats.add(RowRepeats.Pair(row: name(of: unit), other: name(of: earlier)))
      } else {
        seen[hash] = unit
      }
    }
    return repeats
  }

  /// Validation rows that are trained on too. Blocks held out of a text are not looked at: they are parts of what is trained on.
  public func overlappingValidationRows() -> RowRepeats {
    let held = validationUnits
    var repeats = RowRepeats()
    repeats.rowCount = held.count
    let wanted = Set(held.map { hash(of: $0) })
    guard !wanted.isEmpty else { return repeats }
    var trained: [Int: Unit] = [:]
    forEachTrained { unit, hash in if wanted.contains(hash), trained[hash] == nil { trained[hash] = unit } }
    guard !trained.isEmpty else { return repeats }
    for unit in held {
      if let other = trained[hash(of: unit)] { repeats.add(RowRepeats.Pair(row: name(of: unit), other: name(of: other))) }
    }
    return repeats
  }

  private var validationUnits: [Unit] {
    let files = rows.encoder.files
    if files.count > sources.count, let file = files.last {
      return file.hashes.indices.map { Unit(source: files.count - 1, place: $0) }
    }
    return validation.compactMap { index in
      let origin = rows.encoder.origin(Int(index))
      guard case .rows = files[origin.source].contents else { return nil }
      return Unit(source: origin.source, place: origin.row - 1)
    }
  }

  private func forEachTrained(_ body: (Unit, Int) -> Void) {
    let heldOut = Set(validation)
    for (source, file) in rows.encoder.files.prefix(sources.count).enumerated() {
      var isText = false
      if case .blocks = file.contents { isText = true }
      for (place, hash) in file.hashes.enumerated() where isText || heldOut.isEmpty || !heldOut.contains(Int32(file.start + place)) {
        body(Unit(source: source, place: place), hash)
      }
    }
  }

  private func hash(of unit: Unit) -> Int { rows.encoder.files[unit.source].hashes[unit.place] }

  private func name(of unit: Unit) -> String {
    let file = rows.encoder.files[unit.source]
    return "\(file.path), \(file.format == .text ? "document" : "row") \(unit.place + 1)"
  }
}
