extension TokenizerConfiguration {
  /// The tokens added beside a SentencePiece model: those past its end in the order of their ids, and those that it has itself.
  ///
  /// - Throws: `TokenizerError.inconsistent` for two names of an id, two ids of a name, and a gap.
  func tokensAdded(to pieces: [[UInt8]], _ path: String) throws -> (past: [AddedToken], within: [AddedToken]) {
    func inconsistent(_ reason: String) -> TokenizerError { .inconsistent(path: path, reason: reason) }
    var idOfPiece: [[UInt8]: Int] = [:]
    for (id, piece) in pieces.enumerated() where !addedTokens.isEmpty { idOfPiece[piece] = id }
    var (past, within): ([AddedToken], [AddedToken]) = ([], [])
    for var token in addedTokens {
      token.isSpecial = token.isSpecial || controlNames.contains(token.content)
      let name = token.content
      if Int(token.id) < pieces.count {
        let piece = pieces[Int(token.id)]
        guard piece == Array(name.utf8) else {
          let known = String(decoding: piece, as: UTF8.self)
          throw inconsistent("piece \(token.id) is '\(known)'; the files beside it add '\(name)' with this id")
        }
        within.append(token)
        continue
      }
      if let id = idOfPiece.updateValue(Int(token.id), forKey: Array(name.utf8)) {
        throw inconsistent("'\(name)' is piece \(id); the files beside it add it with id \(token.id)")
      }
      let expected = pieces.count + past.count
      guard Int(token.id) == expected else {
        let before = past.last.map { "'\($0.content)'" } ?? "the model's last piece"
        throw inconsistent("the files beside it add '\(name)' with id \(token.id), but nothing has id \(expected), which follows \(before)")
      }
      past.append(token)
    }
    return (past, within)
  }
}
