import Datasets

extension TrainingRun {
  /// What a person should know about the data before it is trained on: found when the files were read.
  var openingNotes: [String] {
    let facts = examples.facts
    var notes: [String] = []
    if facts.rowsWithEmptyOutput > 0 {
      notes.append("\(count(facts.rowsWithEmptyOutput, "row")) with an empty output: they teach to answer with nothing.")
    }
    if facts.rowsWithUnansweredTurn > 0 {
      notes.append(
        "\(count(facts.rowsWithUnansweredTurn, "conversation")) with a last turn of the user that has no answer; that turn is left out.")
    }
    if facts.emptyDocuments > 0 { notes.append("\(count(facts.emptyDocuments, "empty document")) left out.") }
    notes += examples.cacheNotes
    if recipe.data.tokenCache == .auto, CacheFolder.tokens == nil,
      let text = examples.texts.first(where: { $0.byteCount >= TokenCaching.leastAutomatic })
    {
      notes.append(
        "the tokens of \(text.path) are not kept for the next run: neither XDG_CACHE_HOME nor HOME names a folder. "
          + "data.token_cache names one.")
    }
    if recipe.states("data.template"), examples.sources.allSatisfy({ $0.template == nil }) {
      notes.append("data.template is not used: text and rows of tokens have no template.")
    }
    for (key, rows) in facts.ignoredKeys.sorted(by: { $0.key < $1.key }) {
      notes.append("the key '\(key)' of \(count(rows, "row")) is not used.")
    }
    return notes
  }

  /// What the data turned out to hold, once rows were tokenized.
  var closingNotes: [String] {
    notes(on: examples.facts, "training") + notes(on: examples.validationFacts, "validation")
  }

  private func notes(on facts: DataFacts, _ part: String) -> [String] {
    var notes: [String] = []
    if facts.truncatedRows > 0 {
      notes.append(
        """
        \(Terminal.grouped(facts.truncatedRows)) of \(count(facts.rowsEncoded, "tokenized \(part) row")) cut to data.max_length \
        \(recipe.data.maximumLength) (\(Terminal.grouped(facts.tokensCut)) tokens lost); they end without an end of sequence.
        """)
    }
    if facts.droppedRows > 0 { notes.append("\(count(facts.droppedRows, "\(part) row")) longer than data.max_length left out.") }
    if facts.rowsWithNothingToLearn > 0 {
      notes.append("\(count(facts.rowsWithNothingToLearn, "\(part) row")) with nothing to learn: no token of a response was left.")
    }
    return notes
  }

  private func count(_ number: Int, _ noun: String) -> String { "\(Terminal.grouped(number)) \(noun)\(number == 1 ? "" : "s")" }
}
