/// What a model reached in a task.
public struct TaskResult: Sendable {
  /// A part of a task that is counted apart: a subject, or the subjects of a category.
  public struct Part: Sendable {
    public let name: String
    /// Of a subject, where it has one.
    public let category: String?
    /// 1 for a subject.
    public let subjectCount: Int
    public let sampleCount: Int
    /// Over the samples.
    public let metrics: [MetricResult]
    /// The same over subjects, each counting once; empty for a subject.
    public let subjectMeans: [MetricResult]
  }

  public let task: String
  public let version: Int
  public let fewShot: Int
  public let sampleCount: Int
  /// Over all samples, as lm-evaluation-harness weights groups by size. A metric that no sample counts in is absent.
  public let metrics: [MetricResult]
  /// The unweighted means over subjects; empty without subjects.
  public let subjectMeans: [MetricResult]
  public let subjects: [Part]
  public let categories: [Part]
  /// Samples whose context was cut on the left, for want of positions.
  public let cutSampleCount: Int
  public let notes: [String]

  /// - Parameter records: one for each of the task's samples, in their order.
  public init(_ task: EvaluationTask, _ records: [SampleRecord]) {
    self.task = task.name
    version = task.version
    fewShot = task.fewShot
    sampleCount = records.count
    notes = task.notes
    cutSampleCount = records.count { $0.isCut }
    let metrics = task.scorer.metrics
    let strata = Strata(records.map(\.sample.subject))
    let values = metrics.map { metric in strata.grouped(records.map { $0.score.values[metric.name] }) }
    self.metrics = zip(metrics, values).compactMap { MetricResult($0, strata: task.poolsSubjects ? $1 : [Array($1.joined())]) }
    guard strata.names.contains(where: { $0 != nil }) else {
      (subjectMeans, subjects, categories) = ([], [], [])
      return
    }
    let subjects = strata.names.indices.map { index in
      Part(
        name: strata.names[index] ?? "(no subject)", category: strata.names[index].flatMap { task.categories[$0] }, subjectCount: 1,
        sampleCount: strata.counts[index], metrics: zip(metrics, values).compactMap { MetricResult($0, strata: [$1[index]]) },
        subjectMeans: [])
    }
    self.subjects = subjects
    subjectMeans = TaskResult.means(of: subjects, metrics)
    // A subject may count in two of them.
    let memberships = subjects.map { [$0.category, task.furtherCategories[$0.name]] }
    var names: [String] = []
    for case let category? in memberships.joined() where !names.contains(category) { names.append(category) }
    categories = names.map { name in
      let members = subjects.indices.filter { memberships[$0].contains(name) }
      return Part(
        name: name, category: nil, subjectCount: members.count, sampleCount: members.reduce(0) { $0 + subjects[$1].sampleCount },
        metrics: zip(metrics, values).compactMap { metric, values in MetricResult(metric, strata: members.map { values[$0] }) },
        subjectMeans: TaskResult.means(of: members.map { subjects[$0] }, metrics))
    }
  }

  private static func means(of subjects: [Part], _ metrics: [Metric]) -> [MetricResult] {
    metrics.compactMap { metric in MetricResult(meanOf: subjects.compactMap { $0.metrics[metric.name] }) }
  }
}

extension [MetricResult] {
  package subscript(name: String) -> MetricResult? { first { $0.metric.name == name } }
}

/// Which samples belong to which subject, subjects in the order of their first samples.
struct Strata {
  private(set) var names: [String?] = []
  private(set) var counts: [Int] = []
  private var places: [Int] = []

  init(_ subjects: [String?]) {
    var known: [String?: Int] = [:]
    for subject in subjects {
      let place = known[subject] ?? names.count
      if place == names.count {
        known[subject] = place
        names.append(subject)
        counts.append(0)
      }
      counts[place] += 1
      places.append(place)
    }
  }

  /// The elements that there are, by subject.
  func grouped<Element>(_ elements: [Element?]) -> [[Element]] {
    var groups: [[Element]] = names.map { _ in [] }
    for (place, element) in zip(places, elements) { if let element { groups[place].append(element) } }
    return groups
  }
}
