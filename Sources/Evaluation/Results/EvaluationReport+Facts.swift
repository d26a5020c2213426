import JSON
import Pages

extension EvaluationReport {
  /// What is needed to have the same figures again.
  var facts: Markup {
    var parts = [Markup.element("h2", [("id", "facts")], [.text("How this was measured")])]
    if !result.facts.isEmpty { parts.append(list(result.facts)) }
    for index in result.models.indices {
      let model = result.models[index]
      let adapters = model.adapters.isEmpty ? JSONValue.null : .string(model.adapters.joined(separator: ", "))
      parts += [
        .element("h3", [], [name(index)]),
        list([EvaluationFact("base", .string(model.base)), EvaluationFact("adapters", adapters)] + model.facts),
      ]
    }
    for task in tasks.indices {
      let cut = result.models.filter { $0.tasks[task].cutSampleCount > 0 }.map { model in
        "\(model.name): the context of \(FigureText.count(model.tasks[task].cutSampleCount, "sample")) was longer than the model's positions "
          + "and cut on the left."
      }
      let notes = tasks[task].notes + cut
      guard !notes.isEmpty else { continue }
      parts += [.element("h3", tasks[task].task), .element("ul", [], notes.map { .element("li", $0) })]
    }
    parts.append(tests)
    return .element("section", [("aria-labelledby", "facts"), ("class", "facts")], parts)
  }

  private func list(_ facts: [EvaluationFact]) -> Markup {
    .element(
      "dl", [],
      facts.flatMap { fact -> [Markup] in
        let value = fact.value.isNull ? "none" : fact.value.string ?? fact.value.line
        return [.element("dt", fact.name.split(separator: "_").joined(separator: " ")), .element("dd", value)]
      })
  }

  private var tests: Markup {
    guard !result.comparisons.isEmpty else { return .nothing }
    return .element(
      "p", class: "quiet",
      [
        .text(
          "Tests are two-sided and paired by sample. Where every sample is right or wrong: McNemar's exact test on the samples that one "
            + "model alone got right. Elsewhere: the share of swaps of the two models' results within samples that part them as far; all "
            + "swaps where at most 13 samples differ, otherwise \(FigureText.grouped(PairedTest.drawCount)) drawn with a fixed seed. "
            + "Standard errors of perplexities and bits are by the delta method on the ratio of log-likelihood to tokens, words or bytes.")
      ])
  }
}
