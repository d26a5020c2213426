/// Ways in which models are asked that exclude each other, known by the marks they put into text.
private enum PromptFamily: CaseIterable {
  case llama2, llama3, chatML

  var mark: String {
    switch self {
    case .llama2: "[INST]"
    case .llama3: "<|start_header_id|>"
    case .chatML: "<|im_start|>"
    }
  }

  static func of(_ text: String) -> PromptFamily? { allCases.first { text.contains($0.mark) } }
}

extension PromptEncoder {
  /// What is suspicious about this template with this tokenizer, and with a base that was taught to answer otherwise. Templates without
  /// marks, such as Alpaca's, fit every base.
  ///
  /// - Parameter chatTemplate: the base's own, in Jinja, if it has one.
  public func misfits(chatTemplate: String?) -> [String] {
    let texts = [template.promptNoInput, template.promptInput, template.chat?.next ?? "", template.chat?.withSystem ?? ""]
    let text = texts.joined(separator: "\n")
    var misfits: [String] = []
    for mark in PromptEncoder.marks(in: text) where tokenizer.specials[mark] == nil {
      let count = (try? tokenizer.encode(mark).count) ?? 0
      misfits.append("'\(mark)' is no special token of this tokenizer, but \(count) tokens of plain text")
    }
    if let own = PromptFamily.of(text) {
      let others = PromptFamily.allCases.filter { $0 != own }
      if let taught = chatTemplate.flatMap(PromptFamily.of), taught != own {
        misfits.append("it asks with '\(own.mark)', but the base's own chat template asks with '\(taught.mark)'")
      } else if chatTemplate == nil, tokenizer.specials[own.mark] == nil,
        let other = others.first(where: { tokenizer.specials[$0.mark] != nil })
      {
        misfits.append("it asks with '\(own.mark)', but the tokenizer has the special token '\(other.mark)' of another way to ask")
      }
    }
    if template.name.hasPrefix("chinese-"), let rate = tokensPerChineseCharacter, rate > PromptEncoder.mostTokensPerCharacter {
      let shown = Double((rate * 10).rounded()) / 10
      misfits.append("it belongs to a vocabulary with Chinese words, and this tokenizer takes \(shown) tokens for a Chinese character")
    }
    return misfits
  }

  /// The ids that the template's own text makes, besides begin and end of sequence.
  public var markIDs: [Int32] {
    var ids = Set(end.map { [$0] } ?? [])
    for parts in [training.input, training.noInput, inference.input, inference.noInput, next ?? [], withSystem ?? []] {
      for case .special(let id) in parts { ids.insert(id) }
    }
    return ids.subtracting([tokenizer.beginOfSequence, tokenizer.endOfSequence].compactMap { $0 }).sorted()
  }

  /// LLaMA's own tokenizer takes 1.4 for this text, the extended ones of Chinese-LLaMA 0.6.
  private static let mostTokensPerCharacter = 1.1
  private static let chineseSample = "请根据下面的描述写一段简短的文字，说明这个城市的历史、文化和主要的旅游景点。"

  private var tokensPerChineseCharacter: Double? {
    (try? tokenizer.encode(PromptEncoder.chineseSample)).map { Double($0.count) / Double(PromptEncoder.chineseSample.count) }
  }

  /// `<|name|>` in a text, each once.
  private static func marks(in text: String) -> [String] {
    var marks: [String] = []
    for match in text.matches(of: /<\|[A-Za-z0-9_]+\|>/) {
      let mark = String(match.output)
      if !marks.contains(mark) { marks.append(mark) }
    }
    return marks
  }
}
