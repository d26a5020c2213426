import Configuration
import Foundation
import Recipes

/// What is wrong between the steps of a chain: inputs that nobody makes, outputs that two make.
struct ChainChecks {
  private let chain: Chain
  /// The number of the first step of which nothing is known.
  private let firstUnknown: Int?
  private let written: [(step: Chain.Step, path: String, place: FilePlace)]

  init(_ chain: Chain, firstUnknown: Int?) {
    self.chain = chain
    self.firstUnknown = firstUnknown
    written = chain.steps.flatMap { step in step.description.writes.map { (step, $0, FilePlace($0)) } }
  }

  var problems: [Problem] {
    chain.steps.flatMap { step in
      (step.description.reads + step.description.consults).compactMap { missing($0, of: step) } + outputs(of: step)
    }
  }

  /// Why an input will not be there when its step begins; nil if it will.
  private func missing(_ file: ExpectedFile, of step: Chain.Step) -> Problem? {
    guard let problem = file.problem else { return nil }
    let place = FilePlace(file.path)
    // A folder that holds what is made counts as made, and so does what is inside of one that is.
    let makers = written.filter { $0.place.holds(place) || place.holds($0.place) }
    if makers.contains(where: { $0.step.number < step.number }) { return nil }
    // Of the wrong kind, whoever made it.
    if FileManager.default.fileExists(atPath: file.path) { return problem }
    if let firstUnknown, firstUnknown < step.number { return nil }
    var text = "\(file.label) is '\(file.path)', which is not there, and no earlier step of \(chain.path) writes it."
    if let later = makers.first(where: { $0.step.number > step.number })?.step { text += " \(later.title.capitalizedFirst) does." }
    if file.path.contains(where: { "*?[".contains($0) }) { text += " Patterns are not expanded here: name the files." }
    return Problem(text, at: file.location)
  }

  private func outputs(of step: Chain.Step) -> [Problem] {
    let record = FilePlace(chain.output)
    return step.description.writes.flatMap { path in
      let place = FilePlace(path)
      var texts: [String] = []
      if !chain.output.isEmpty, place.holds(record) || place == FilePlace("\(chain.output)/\(ChainRecord.fileName)") {
        texts.append("writes \(path), where this chain keeps \(ChainRecord.fileName). Choose another output.")
      }
      if let other = written.first(where: { $0.step.number < step.number && ($0.place.holds(place) || place.holds($0.place)) }) {
        let what = other.place == place ? "too" : "(\(other.path))"
        texts.append("writes \(path), where \(other.step.title) writes \(what). Choose another output.")
      }
      for earlier in chain.steps.prefix(while: { $0.number <= step.number }) {
        guard let read = earlier.description.reads.first(where: { place.holds(FilePlace($0.path)) }) else { continue }
        // What an earlier step made and another overwrites was said above.
        guard !written.contains(where: { $0.step.number < step.number && $0.place.holds(FilePlace(read.path)) }) else { continue }
        let reader = earlier.number == step.number ? "it reads" : "\(earlier.title) reads"
        texts.append("writes \(path), where \(reader) \(read.path). Choose another output.")
        break
      }
      return texts.map { Problem("\(step.title) \($0)", at: step.location) }
    }
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
