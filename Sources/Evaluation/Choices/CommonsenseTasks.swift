extension ChoiceTask {
  /// HellaSwag: can a machine really finish your sentence? (Zellers et al., arXiv 1905.07830).
  static let hellaSwag = ChoiceTask(
    "hellaswag", "which ending a scene has", scored: [.validation, .dev, .test], drawsWithoutScoredRow: true,
    expected: "'activity_label', 'ctx_a', 'ctx_b', 'endings' and 'label' (hellaswag_val.jsonl), or six lines: context, label, four endings",
    accepts: { table, _ in
      table.form == .sixLines || table.first?.has(["activity_label", "ctx_a", "ctx_b", "endings"]) == true
    },
    questions: { table in
      try table.rows().map { row in
        if table.form == .sixLines {
          return try ChoiceQuestion(row, prompt: row.text("context"), choices: row.texts("endings"), answer: row.integer("label"))
        }
        let context = "\(try row.text("activity_label")): \(try row.text("ctx_a")) \(try row.text("ctx_b").pythonCapitalized)"
        let endings = try row.texts("endings").map(withoutWikiHowMarks)
        guard let label = row["label"], label != .null, label != .string("") else { return nil }
        return try ChoiceQuestion(row, prompt: withoutWikiHowMarks(context), choices: endings, answer: row.integer("label"))
      }
    })

  /// As lm-evaluation-harness reads rows that come from WikiHow: titles become sentences, other brackets go.
  private static func withoutWikiHowMarks(_ text: String) -> String {
    let text = Array(text.pythonStripped.replacingText(" [title]", with: ". ").unicodeScalars)
    var kept = String.UnicodeScalarView()
    var place = 0
    while place < text.count {
      if text[place] == "[", let end = text[place...].firstIndex(where: { $0 == "]" || $0 == "\n" }), text[end] == "]" {
        place = end + 1
      } else {
        kept.append(text[place])
        place += 1
      }
    }
    return String(kept).replacingText("  ", with: " ")
  }

  /// PIQA: reasoning about physical commonsense in natural language (Bisk et al., arXiv 1911.11641).
  static let piqa = ChoiceTask(
    "piqa", "which of two ways leads to a goal", scored: [.validation, .dev, .test], drawsWithoutScoredRow: true,
    expected: "'goal', 'sol1', 'sol2' (dev.jsonl), and 'label' in the row or on the same line of dev-labels.lst",
    accepts: { table, _ in table.first?.has(["goal", "sol1", "sol2"]) == true },
    questions: { table in
      let rows = try table.rows()
      let labels = try separateLabels(of: table, rows)
      return try rows.enumerated().map { index, row in
        guard let label = row["label"] ?? labels?[index], label != .null, label.integer != -1 else { return nil }
        guard let answer = label.integer else { throw row.bad("the label is \(DataRow.shown(label)). Expected 0 or 1.") }
        let choices = [try row.text("sol1"), try row.text("sol2")]
        return try ChoiceQuestion(row, prompt: "Question: \(try row.text("goal"))\nAnswer:", choices: choices, answer: answer)
      }
    })

  /// Labels that are published in a file of their own, a line for each row.
  private static func separateLabels(of table: DataTable, _ rows: [DataRow]) throws -> [DataValue]? {
    let name = table.path.split(separator: "/").last.map(String.init) ?? table.path
    let stem = name.split(separator: ".").first.map(String.init) ?? name
    let path = table.path.dropLast(name.count) + "\(stem)-labels.lst"
    guard let labels = try? DataFolder(String(path)).tables.first else { return nil }
    let lines = try labels.text().split { $0.isNewline }.map { DataValue.string(String($0).pythonStripped) }
    guard lines.count == rows.count else {
      throw EvaluationError.file(
        path: labels.path, place: nil,
        reason: "holds \(lines.count) labels, but \(table.path) has \(rows.count) rows. They belong together.")
    }
    return lines
  }

  /// WinoGrande: an adversarial Winograd schema challenge at scale (Sakaguchi et al., arXiv 1907.10641). Which beginning makes the end
  /// of the sentence likelier is asked (Trinh and Le, arXiv 1806.02847).
  static let winoGrande = ChoiceTask(
    "winogrande", "whom or what a blank means", isNormalized: false, scored: [.validation, .dev, .test], drawsWithoutScoredRow: true,
    expected: "'sentence' with a '_', 'option1', 'option2' and 'answer' (dev.jsonl)",
    accepts: { table, _ in table.first?.has(["sentence", "option1", "option2"]) == true },
    questions: { table in
      try table.rows().map { row in
        guard let answer = row["answer"], answer != .null, answer != .string("") else { return nil }
        guard let number = answer.integer, 1...2 ~= number else {
          throw row.bad("'answer' is \(DataRow.shown(answer)). Expected 1 or 2.")
        }
        let sentence = try row.text("sentence")
        guard let blank = sentence.range(of: "_") else { throw row.bad("the sentence has no '_' for the options.") }
        let end = String(sentence[blank.upperBound...]).pythonStripped
        let choices = try ["option1", "option2"].map { option in
          ChoiceQuestion.Choice(prompt: sentence[..<blank.lowerBound] + (try row.text(option)), text: end)
        }
        return try ChoiceQuestion(row, choices: choices, answer: number - 1)
      }
    })

  /// BoolQ: exploring the surprising difficulty of natural yes/no questions (Clark et al., arXiv 1905.10044), as SuperGLUE asks them.
  static let boolQ = ChoiceTask(
    "boolq", version: 2, "questions about a passage that are answered with yes or no", isNormalized: false,
    scored: [.validation, .dev, .test], drawsWithoutScoredRow: true,
    expected: "'passage', 'question' and 'answer' or 'label' (dev.jsonl)",
    accepts: { table, _ in table.first?.has(["passage", "question"]) == true && table.first?["choices"] == nil },
    questions: { table in
      try table.rows().map { row in
        guard let value = row["answer"] ?? row["label"], value != .null, value.integer != -1 else { return nil }
        let answer = value.bool.map { $0 ? 1 : 0 } ?? ["false": 0, "true": 1][value.string?.lowercased() ?? ""] ?? value.integer
        guard let answer, 0...1 ~= answer else { throw row.bad("the answer is \(DataRow.shown(value)). Expected true or false.") }
        let prompt = "\(try superGLUEPassage(row))\nQuestion: \(try row.text("question"))?\nAnswer:"
        return try ChoiceQuestion(row, prompt: prompt, choices: ["no", "yes"], answer: answer)
      }
    })

  /// SuperGLUE, which the harness reads, puts the article's title before the passage; BoolQ's own files have it apart.
  private static func superGLUEPassage(_ row: DataRow) throws -> String {
    let passage = try row.text("passage")
    guard let title = row["title"]?.string, !title.isEmpty else { return passage }
    return "\(title) -- \(passage)"
  }
}
