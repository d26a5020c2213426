import Checkpoints
import JSON
import Llama

extension Base {
  /// The configuration alone, for a folder whose weights may be missing or broken.
  ///
  /// - Throws: `BaseError` with everything that is wrong with `config.json`.
  public static func configuration(ofFolder path: String) throws -> LlamaConfiguration {
    let folder = try BaseFolder(withoutTrailingSlash(path))
    func document(_ name: String) throws -> JSONValue {
      do {
        return try JSONValue(file: folder.file(name))
      } catch {
        throw BaseError(path: folder.path, problems: [BaseError.Problem(error, file: name)])
      }
    }
    let generation = folder.contains("generation_config.json") ? try document("generation_config.json") : nil
    let read = HuggingFaceConfiguration(try document("config.json"), generation: generation).read()
    guard let configuration = read.configuration else { throw BaseError(path: folder.path, problems: read.problems) }
    return configuration
  }
}
