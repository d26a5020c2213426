extension TaskLibrary {
  /// Tasks that ask for likelihoods.
  static let choiceTasks: [BuiltInTask] = []
}
