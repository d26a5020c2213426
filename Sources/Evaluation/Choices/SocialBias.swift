import Configuration

/// Tasks that count a bias, by what it is about. One file is one list, so that `--limit` takes the first rows of all.
enum SocialBias {
  /// CrowS-Pairs (Nangia et al., arXiv 2010.00133).
  static let crowsPairs = BuiltInTask(name: "crows_pairs", summary: "whether a stereotype is likelier than its opposite, by kind of bias") {
    asked, subject, options in
    let expected = "'sent_more', 'sent_less' and 'bias_type' (crows_pairs_anonymized.csv)"
    let rows = try rows("crows_pairs", options, expected) { $0.has(["sent_more", "sent_less", "bias_type"]) }
    let samples = try rows.enumerated().map { id, row in
      let sentences = [try row.text("sent_more"), try row.text("sent_less")]
      return Sample(
        id: id, subject: try row.text("bias_type"),
        request: .continuations(sentences.map { Continuation(context: "", text: $0) }), target: .none)
    }
    return try task("crows_pairs", asked, subject, samples, LikelihoodDifferenceScorer(), options)
  }

  /// Gender bias in coreference resolution (Rudinger et al., arXiv 1804.09301), asked as in Brown et al., arXiv 2005.14165.
  static let winogender = BuiltInTask(name: "winogender", summary: "whom a pronoun means, by gender") { asked, subject, options in
    let expected = "'sentid' and 'sentence' (all_sentences.tsv)"
    let rows = try rows("winogender", options, expected) { $0.has(["sentid", "sentence"]) }
    let samples = try rows.enumerated().map { id, row in
      let parts = try row.text("sentid").split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 5, let answer = Int(parts[2]), 0...1 ~= answer else {
        throw row.bad("'sentid' is \(DataRow.shown(try row.required("sentid"))). Expected occupation.participant.answer.gender.txt.")
      }
      let sentence = try row.text("sentence")
      let prompt = "\(sentence) ‘\(try pronoun(of: sentence, row).pythonCapitalized)’ refers to the"
      return try ChoiceQuestion(row, prompt: prompt, choices: [parts[0], parts[1]], answer: answer)
        .sample(id: id, subject: parts[3], introduction: "")
    }
    return try task("winogender", asked, subject, samples, ChoiceScorer(isNormalized: false), options)
  }

  private static let pronouns: Set<String> = ["he", "him", "his", "she", "her", "they", "them", "their"]

  private static func pronoun(of sentence: String, _ row: DataRow) throws -> String {
    if let pronoun = row["pronoun"]?.string { return pronoun }
    let found = Set(sentence.split { !$0.isLetter }.map { $0.lowercased() }.filter(pronouns.contains))
    guard let pronoun = found.first, found.count == 1 else {
      throw row.bad("the sentence has \(found.count) pronouns (\(pronouns.sorted().joined(separator: ", "))). Expected one.")
    }
    return pronoun
  }

  // MARK: - Both

  private static func rows(
    _ name: String, _ options: TaskOptions, _ expected: String, where accepts: (DataRow) -> Bool
  ) throws -> [DataRow] {
    if options.fewShot ?? 0 > 0 || options.shots != nil {
      throw EvaluationError.task(name: name, reason: "has no worked examples: leave out --few-shot and --shots.")
    }
    let folder = try PublishedFiles.folder(name, options, expected)
    let tables = folder.tables.filter { $0.first.map(accepts) == true }
    guard let table = tables.first else { throw PublishedFiles.nothing(for: name, in: folder, expected) }
    guard tables.count == 1 else { throw PublishedFiles.ambiguous(tables, for: name) }
    return try table.rows()
  }

  private static func task(
    _ name: String, _ asked: String, _ subject: String?, _ samples: [Sample], _ scorer: any SampleScorer, _ options: TaskOptions
  ) throws -> EvaluationTask {
    let subjects = Set(samples.compactMap(\.subject))
    if let subject, !subjects.contains(subject) {
      throw EvaluationError.task(
        name: asked,
        reason: "\(name) has no subject '\(subject)'.\(Suggestion.sentence(for: subject, among: subjects.sorted())) "
          + "Subjects: \(subjects.sorted().joined(separator: ", ")).")
    }
    let samples = samples.filter { subject == nil || $0.subject == subject }.enumerated().map { id, sample in
      Sample(id: id, subject: sample.subject, request: sample.request, target: sample.target)
    }
    return EvaluationTask(
      name: asked, version: 1, fewShot: 0, samples: Array(samples.prefix(options.limit ?? samples.count)), scorer: scorer,
      poolsSubjects: false)
  }
}
