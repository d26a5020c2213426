extension TaskLibrary {
  /// Tasks that ask for likelihoods.
  static let choiceTasks: [BuiltInTask] =
    [TextLikelihood.perplexity, TextLikelihood.wikiText]
    + [SubjectTask.mmlu, .cmmlu, .ceval].map(\.builtIn)
    + [ChoiceTask.arcEasy, .arcChallenge, .hellaSwag, .piqa, .boolQ, .winoGrande, .openBookQA].map(\.builtIn)
    + [TruthfulQA.task, SocialBias.crowsPairs, SocialBias.winogender]
}
