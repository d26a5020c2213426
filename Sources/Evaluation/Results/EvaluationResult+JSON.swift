import JSON

extension EvaluationResult {
  /// The result as a file (`--output`): keys in a fixed order, numbers that read back as they were, null where there is none.
  public var document: String {
    var members: [(key: String, value: OrderedJSON)] = [("models", .array(models.map(\.json)))]
    if !comparisons.isEmpty {
      members.append(
        (
          "comparisons",
          .array(
            comparisons.map { comparison in
              .object([
                ("model", .string(models[comparison.model].name)), ("against", .string(models[comparison.against].name)),
                ("tasks", .array(comparison.json)),
              ])
            })
        ))
      members.append(("tests", .integer(testCount)))
    }
    if !facts.isEmpty { members.append(("facts", facts.json)) }
    return OrderedJSON.object(members).document
  }
}

extension ModelResult {
  fileprivate var json: OrderedJSON {
    var members: [(key: String, value: OrderedJSON)] = [
      ("name", .string(name)), ("base", .string(base)), ("adapters", .array(adapters.map { .string($0) })),
      ("tasks", .array(tasks.map(\.json))),
    ]
    if !facts.isEmpty { members.append(("facts", facts.json)) }
    return .object(members)
  }
}

extension TaskResult {
  fileprivate var json: OrderedJSON {
    var members: [(key: String, value: OrderedJSON)] = [
      ("task", .string(task)), ("version", .integer(version)), ("few_shot", .integer(fewShot)), ("samples", .integer(sampleCount)),
      ("metrics", metrics.json),
    ]
    if !subjects.isEmpty {
      members.append(("subject_means", subjectMeans.json))
      if !categories.isEmpty { members.append(("categories", .array(categories.map { $0.json(kind: "category") }))) }
      members.append(("subjects", .array(subjects.map { $0.json(kind: "subject") })))
    }
    members.append(("cut_contexts", .integer(cutSampleCount)))
    if !notes.isEmpty { members.append(("notes", .array(notes.map { .string($0) }))) }
    return .object(members)
  }
}

extension TaskResult.Part {
  fileprivate func json(kind: String) -> OrderedJSON {
    var members: [(key: String, value: OrderedJSON)] = [(kind, .string(name))]
    if let category { members.append(("category", .string(category))) }
    if !subjectMeans.isEmpty { members.append(("subjects", .integer(subjectCount))) }
    members += [("samples", .integer(sampleCount)), ("metrics", metrics.json)]
    if !subjectMeans.isEmpty { members.append(("subject_means", subjectMeans.json)) }
    return .object(members)
  }
}

extension [MetricResult] {
  fileprivate var json: OrderedJSON {
    .object(map { ($0.metric.name, .object([("value", .number($0.value)), ("standard_error", .number($0.standardError))])) })
  }
}

extension ModelComparison {
  fileprivate var json: [OrderedJSON] {
    metrics.map { row in
      var members: [(key: String, value: OrderedJSON)] = [
        ("task", .string(row.task)), ("metric", .string(row.metric.name)), ("higher_is_better", .value(.bool(row.metric.isHigherBetter))),
        ("samples", .integer(row.sampleCount)), ("difference", .number(row.difference)), ("standard_error", .number(row.standardError)),
        ("test", .string(row.test.name)),
      ]
      switch row.test {
      case .mcnemar(let first, let second): members += [("model_alone", .integer(first)), ("against_alone", .integer(second))]
      case .randomization(let swaps, _): members.append(("swaps", .integer(swaps)))
      }
      members += [("p", .number(row.p)), ("p_holm", .number(row.adjustedP))]
      return .object(members)
    }
  }
}

extension [EvaluationFact] {
  fileprivate var json: OrderedJSON { .object(map { ($0.name, .value($0.value)) }) }
}
