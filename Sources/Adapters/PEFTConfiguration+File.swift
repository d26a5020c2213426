import Checkpoints
import JSON

extension PEFTConfiguration {
  /// Reads the `adapter_config.json` of a folder, whatever is beside it.
  ///
  /// - Throws: `AdapterError` with everything in it that is wrong or not computed here.
  public static func read(folder path: String) throws -> PEFTConfiguration {
    let path = withoutTrailingSlash(path)
    let document: JSONValue
    do {
      document = try JSONValue(file: "\(path)/\(PEFTAdapter.configurationName)")
    } catch {
      throw AdapterError(path: path, problems: [AdapterError.Problem(error, file: path)])
    }
    do throws(ConfigurationProblems) {
      return try PEFTConfiguration(document)
    } catch {
      throw AdapterError(path: path, problems: error.problems)
    }
  }
}
