import Checkpoints
import JSON
import Llama

extension Base {
  /// The configuration alone, for a folder whose weights may be missing or broken; nil where it is not known without them.
  ///
  /// - Throws: `BaseError` with everything that is wrong with `config.json` or `params.json`.
  public static func configuration(ofFolder path: String) throws -> LlamaConfiguration? {
    let folder = try BaseFolder(withoutTrailingSlash(path))
    func document(_ name: String) throws -> JSONValue {
      do {
        return try JSONValue(file: folder.file(name))
      } catch {
        throw BaseError(path: folder.path, problems: [BaseError.Problem(error, file: name)])
      }
    }
    if folder.contains("params.json"), !folder.contains("config.json") {
      do {
        let parameters = try MetaParameters(document("params.json"), file: "params.json")
        return parameters.vocabularySize.map { parameters.configuration(vocabularySize: $0, tiesEmbeddings: false) }
      } catch let error as BaseProblems {
        throw BaseError(path: folder.path, problems: error.problems)
      }
    }
    let generation = folder.contains("generation_config.json") ? try document("generation_config.json") : nil
    let read = HuggingFaceConfiguration(try document("config.json"), generation: generation).read()
    guard let configuration = read.configuration else { throw BaseError(path: folder.path, problems: read.problems) }
    return configuration
  }

  /// Where the tokenizer of the base in a folder is, whether or not its weights can be read; nil when there is none, or no folder.
  public static func tokenizerPath(ofFolder path: String) -> String? {
    guard let folder = try? BaseFolder(withoutTrailingSlash(path)) else { return nil }
    return folder.tokenizer(beside: folder.contains("config.json") ? "config.json" : "params.json")
  }
}
