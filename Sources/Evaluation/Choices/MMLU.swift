extension SubjectTask {
  /// Measuring Massive Multitask Language Understanding (Hendrycks et al., arXiv 2009.03300).
  static let mmlu = SubjectTask(
    name: "mmlu", version: 1, summary: "57 subjects of school, study and profession, four choices", isNormalized: false,
    scored: [.test, .validation], subjects: mmluSubjects,
    expected:
      "a question, four choices and the answer, in a file named after its subject (test/astronomy_test.csv: question,A,B,C,D,letter)",
    introduction: { "The following are multiple choice questions (with answers) about \($0).\n\n" }, answerPrompt: "Answer:",
    accepts: { row, form in
      if form == .csvWithoutHeader { return true }
      // C-Eval numbers its rows.
      return row.has(["question", "answer"]) && row["id"] == nil
        && (row.has(["choice0", "choice1", "choice2", "choice3"]) || row.has(letters) || row["choices"]?.strings?.count == 4)
    },
    columns: { row in
      if row["5"] != nil {
        return Columns(question: try row.text("0"), choices: try (1...4).map { try row.text("\($0)") }, answer: try answer(row, "5"))
      }
      let choices: [String]
      if row["choices"] != nil {
        choices = try row.texts("choices")
        guard choices.count == 4 else { throw row.bad("there are \(choices.count) choices. Expected 4.") }
      } else {
        let keys = row["A"] == nil ? (0...3).map { "choice\($0)" } : letters
        choices = try keys.map { try row.text($0) }
      }
      return Columns(question: try row.text("question"), choices: choices, answer: try answer(row, "answer"))
    })

  private static let mmluSubjects: [String: Subject] = {
    var subjects: [String: Subject] = [:]
    for (category, names) in mmluCategories {
      for name in names { subjects[name] = Subject(title: name.map { $0 == "_" ? " " : String($0) }.joined(), categories: [category]) }
    }
    return subjects
  }()

  /// As lm-evaluation-harness groups them.
  private static let mmluCategories: [(String, [String])] = [
    (
      "stem",
      [
        "abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry", "college_computer_science",
        "college_mathematics", "college_physics", "computer_security", "conceptual_physics", "electrical_engineering",
        "elementary_mathematics", "high_school_biology", "high_school_chemistry", "high_school_computer_science",
        "high_school_mathematics", "high_school_physics", "high_school_statistics", "machine_learning",
      ]
    ),
    (
      "humanities",
      [
        "formal_logic", "high_school_european_history", "high_school_us_history", "high_school_world_history", "international_law",
        "jurisprudence", "logical_fallacies", "moral_disputes", "moral_scenarios", "philosophy", "prehistory", "professional_law",
        "world_religions",
      ]
    ),
    (
      "social sciences",
      [
        "econometrics", "high_school_geography", "high_school_government_and_politics", "high_school_macroeconomics",
        "high_school_microeconomics", "high_school_psychology", "human_sexuality", "professional_psychology", "public_relations",
        "security_studies", "sociology", "us_foreign_policy",
      ]
    ),
    (
      "other",
      [
        "business_ethics", "clinical_knowledge", "college_medicine", "global_facts", "human_aging", "management", "marketing",
        "medical_genetics", "miscellaneous", "nutrition", "professional_accounting", "professional_medicine", "virology",
      ]
    ),
  ]
}
