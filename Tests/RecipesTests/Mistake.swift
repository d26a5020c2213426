import Configuration
import Recipes
import Testing

/// A recipe with a mistake, and every line that is said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
  let text: String
  var overrides: [String] = []
  let messages: [String]

  var testDescription: String { messages.first ?? text }

  static func text(_ text: String, _ messages: String...) -> Mistake { Mistake(text: text, messages: messages) }

  static func override(_ overrides: String..., messages: [String]) -> Mistake {
    Mistake(text: recipe(), overrides: overrides, messages: messages)
  }

  /// A line at the top level: line 7.
  static func top(_ line: String, _ messages: String...) -> Mistake { Mistake(text: recipe(line), messages: messages) }
  /// A line of `data`, after `train`: line 5.
  static func data(_ line: String, _ messages: String...) -> Mistake {
    Mistake(text: recipe(data: "train: data/a.json\n  \(line)"), messages: messages)
  }
  /// A line of `data` in place of `train`: line 4.
  static func train(_ line: String, _ messages: String...) -> Mistake { Mistake(text: recipe(data: line), messages: messages) }
  /// A line of `lora`: line 8.
  static func lora(_ line: String, _ messages: String...) -> Mistake { Mistake(text: recipe("lora:\n  \(line)"), messages: messages) }
  /// A line of `training`, after `epochs`: line 7.
  static func training(_ line: String, _ messages: String...) -> Mistake {
    Mistake(text: recipe(training: "epochs: 1\n  \(line)"), messages: messages)
  }
  /// A line of `compute`: line 8.
  static func compute(_ line: String, _ messages: String...) -> Mistake { Mistake(text: recipe("compute:\n  \(line)"), messages: messages) }

  /// What is said about the recipe, `x.yaml` by name, line by line.
  func found() -> [String] {
    do throws(ConfigurationError) {
      _ = try Recipe.parse(text, name: "x.yaml", overrides: overrides)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }
}

/// A recipe of six lines that is right, unless a parameter makes it wrong.
func recipe(_ rest: String = "", data: String = "train: data/a.json", training: String = "epochs: 1") -> String {
  "base: models/b\noutput: adapters/o\ndata:\n  \(data)\ntraining:\n  \(training)\n\(rest)"
}
