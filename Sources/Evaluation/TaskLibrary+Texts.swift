extension TaskLibrary {
  /// Tasks that ask for text.
  static let textTasks: [BuiltInTask] = []
}
