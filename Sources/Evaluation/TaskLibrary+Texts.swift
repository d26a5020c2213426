extension TaskLibrary {
  /// Tasks that ask for text.
  static let textTasks: [BuiltInTask] = [
    BuiltInTask(name: "nq_open", summary: "questions that people asked a search engine; exact match") { name, subject, options in
      try OpenQuestions.naturalQuestions.task(name, subject, options, rows: NaturalQuestion.self)
    },
    BuiltInTask(name: "triviaqa", summary: "quiz questions; exact match") { name, subject, options in
      try OpenQuestions.trivia.task(name, subject, options, rows: TriviaQuestion.self)
    },
    BuiltInTask(name: "gsm8k", summary: "word problems of grade school; the number that a solution ends with", open: GradeSchoolMath.task),
    BuiltInTask(name: "humaneval", summary: "Python functions, judged by their tests (--run-code)", open: HumanEval.task),
    BuiltInTask(
      name: "instructions", summary: "own instructions with reference answers (--data FILE); exact match, F1, ROUGE-L",
      open: Instructions.task),
  ]
}
