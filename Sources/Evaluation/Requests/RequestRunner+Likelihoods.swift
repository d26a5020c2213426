import Llama

/// Requests whose sequences are scored in one pass.
struct ScoredRequests {
  let requests: [Int]
  let pass: LikelihoodPass
  /// Of each sequence: its place in `requests`.
  let owners: [Int]
  /// Of each request: its sequences.
  let members: [Range<Int>]
  let sequences: [ScoredSequence]

  init(_ requests: [(request: Int, sequences: [ScoredSequence])], _ network: LlamaModel, rowLimit: Int) {
    self.requests = requests.map(\.request)
    sequences = requests.flatMap(\.sequences)
    owners = requests.enumerated().flatMap { index, request in request.sequences.map { _ in index } }
    var end = 0
    members = requests.map { request in
      defer { end += request.sequences.count }
      return end..<end + request.sequences.count
    }
    pass = LikelihoodPass(network, sequences, rowLimit: rowLimit)
  }
}

extension RequestRunner {
  typealias Advance = (_ count: Int) throws -> Void
  typealias OnResponse = (_ index: Int, _ response: SampleResponse) throws -> Void

  /// Of texts that are planned together: their responses come when their batches have been computed.
  private static let textBatches = 8

  func score(_ requests: ScoredRequests, _ encoded: [EncodedRequests.Continuations], _ advance: Advance, _ onResponse: OnResponse) throws {
    try run(requests, advance) { place, scores in
      let encoded = encoded[place]
      for cutCount in encoded.cutCounts { count(cut: cutCount) }
      let scores = scores.indices.map { index in
        ContinuationScore(
          logLikelihood: scores[index].logLikelihood, isGreedy: scores[index].isGreedy,
          tokenCount: encoded.sequences[index].continuation.count, cutCount: encoded.cutCounts[index])
      }
      try onResponse(encoded.request, .continuations(scores))
    }
  }

  func score(_ texts: [EncodedRequests.Text], _ advance: Advance, _ onResponse: OnResponse) throws {
    var rest = texts[...]
    while !rest.isEmpty {
      var rows = 0
      let count = rest.prefix { text in
        defer { rows += text.windows.reduce(0) { $0 + $1.rowCount } }
        return rows < RequestRunner.textBatches * rowLimit
      }.count
      let part = Array(rest.prefix(count))
      rest = rest.dropFirst(count)
      try run(ScoredRequests(part.map { ($0.request, $0.windows) }, model.network, rowLimit: rowLimit), advance) { place, scores in
        let tokenCount = part[place].windows.reduce(0) { $0 + $1.continuation.count }
        let sum = scores.reduce(0) { $0 + $1.logLikelihood }
        try onResponse(part[place].request, .text(TextScore(logLikelihood: sum, tokenCount: tokenCount)))
      }
    }
  }

  /// - Parameter onScores: gets a request's place and the scores of its sequences when all are known.
  private func run(
    _ scored: ScoredRequests, _ advance: Advance, _ onScores: (_ place: Int, _ scores: [LikelihoodPass.Score]) throws -> Void
  ) throws {
    var scores = scored.sequences.map { _ in LikelihoodPass.Score() }
    var missing = scored.members.map(\.count)
    func finish(_ place: Int) throws {
      counts.requests += 1
      counts.tokensAsked += scored.sequences[scored.members[place]].reduce(0) { $0 + $1.rowCount }
      try onScores(place, Array(scores[scored.members[place]]))
    }
    for place in missing.indices where missing[place] == 0 { try finish(place) }
    try scored.pass.run { rowCount, known in
      counts.tokensComputed += rowCount
      for (sequence, score) in known {
        let place = scored.owners[sequence]
        guard score.logLikelihood.isFinite else { throw RequestError(request: scored.requests[place], .notANumber) }
        scores[sequence] = score
        missing[place] -= 1
        if missing[place] == 0 { try finish(place) }
      }
      try advance(rowCount)
    }
  }
}
