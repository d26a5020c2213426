import Checkpoints
import JSON
import Tensors

extension Base {
  /// Opens Meta's files; names are relative to the folder.
  ///
  /// - Throws: `BaseError` with everything that is wrong with them.
  static func openMeta(_ folder: BaseFolder, parameters name: String, shards names: [String]) throws -> Base {
    func failure(_ problems: [BaseError.Problem]) -> BaseError { BaseError(path: folder.path, problems: problems) }
    let parameters: MetaParameters
    do {
      parameters = try MetaParameters(JSONValue(file: folder.file(name)), file: name)
    } catch let error as BaseProblems {
      throw failure(error.problems)
    } catch {
      throw failure([BaseError.Problem(error, file: folder.file(name))])
    }
    var files: [ShardFile] = []
    var problems: [BaseError.Problem] = []
    for name in names {
      let path = folder.file(name)
      do {
        files.append(try ShardFile(MappedFile.open(path), name: name, path: path, format: .pytorch))
      } catch {
        problems.append(BaseError.Problem(error, file: path))
      }
    }
    guard problems.isEmpty else { throw failure(problems) }
    let joined = MetaWeights(parameters, files: files)
    guard let configuration = joined.configuration else { throw failure(joined.problems) }
    return Base(
      path: folder.path, configuration: configuration, weights: joined.weights, layout: .meta, shards: files.map(\.shard),
      tokenizerPath: folder.tokenizer(beside: name))
  }

  /// The `params.json` of a base in Meta's files; nil for other layouts.
  ///
  /// - Throws: `CheckpointError` when it cannot be read any more.
  package func metaParameters() throws -> JSONValue? {
    guard layout == .meta, let shard = shards.first else { return nil }
    return try JSONValue(file: "\(folder(of: shard.path))/\(MetaDescription.fileName)")
  }
}
