import Chains
import Configuration
import Foundation
import Recipes
import TestSupport
import Testing

/// Chains of made-up commands: `make IN,IN OUT,OUT`, in a folder that exists only by name.
@Suite struct ChainFileTests {
  static func describe(_ words: [String], _ location: Location) throws(ConfigurationError) -> StepDescription {
    guard words.count == 3, words[0] == "make" else { throw ConfigurationError([Problem("no such command.", at: location)]) }
    func paths(_ word: String) -> [String] { word.split(separator: ",").map(String.init).filter { $0 != "-" } }
    return StepDescription(
      reads: paths(words[1]).map { ExpectedFile(kind: .fileOrFolder, label: "the input", path: $0, location: location) },
      writes: paths(words[2]), settings: [:], existingOutput: .refused)
  }

  private func read(_ text: String) throws(ConfigurationError) -> Chain {
    try Chain.read(ConfigurationReader(text: text, name: "c.yaml"), describe: ChainFileTests.describe)
  }

  private func problems(_ text: String) -> [String] {
    do throws(ConfigurationError) {
      _ = try read(text)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func readsStepsInOrder() throws {
    let chain = try read(
      """
      output: /no/where
      steps:
        - {name: first, run: make - /no/a}
        - run: [make, "/no/a", '/no/b c']
        - run: make '/no/b c' /no/d
        - run:
            - make
            - /no/d
            - 007
      """)
    #expect(chain.output == "/no/where" && chain.path == "c.yaml")
    #expect(chain.steps.map(\.name) == ["first", "make", "make 2", "make 3"])
    #expect(chain.steps.map(\.words).last == ["make", "/no/d", "007"])
    #expect(chain.steps.map { "\($0.location)" } == ["c.yaml:3", "c.yaml:4", "c.yaml:5", "c.yaml:6"])
    #expect(chain.step("make 2")?.number == 3 && chain.step("2")?.name == "make" && chain.step("5") == nil && chain.step("0") == nil)
  }

  @Test(arguments: [
    (
      "outptu: a\nsteps: []\n",
      [
        "c.yaml: 'output' is missing; expected a folder for chain.json, the record of what is done.",
        "c.yaml:1: unknown key 'outptu'. Did you mean 'output'?",
        "c.yaml:2: steps is an empty list; expected a list of steps, each {name, run}.",
      ]
    ),
    ("output: /no/x\n", ["c.yaml: 'steps' is missing; expected a list of steps, each {name, run}."]),
    (
      "output: /no/x\nsteps:\n  - train a.yaml\n",
      ["c.yaml:3: entry 1 of steps is 'train a.yaml'; expected {name, run}, such as 'run: train a.yaml'."]
    ),
    (
      "output: /no/x\nsteps:\n  - name: a\n    cmd: make - /no/a\n",
      [
        "c.yaml:3: 'run of entry 1 of steps' is missing; expected a command line of puna such as 'train recipes/quickstart.yaml', or a list of its words.",
        "c.yaml:4: unknown key 'cmd' in entry 1 of 'steps'. Did you mean 'run'?",
      ]
    ),
    (
      "output: /no/x\nsteps:\n  - run: make 'a b\n  - run: puna make - /no/a\n  - run: []\n  - run: {a: b}\n  - run: [make, [a]]\n",
      [
        "c.yaml:3: run of entry 1 of steps cannot be split into words: the quote ' is not closed.",
        "c.yaml:4: run of entry 2 of steps begins with 'puna'; leave that out.",
        "c.yaml:5: run of entry 3 of steps has no words; expected a command line of puna such as 'train recipes/quickstart.yaml', or a list of its words.",
        "c.yaml:6: run of entry 4 of steps is a section with keys of its own; expected a command line of puna such as 'train recipes/quickstart.yaml', or a list of its words.",
        "c.yaml:7: run of entry 5 of steps holds a list or a section; expected a command line of puna such as 'train recipes/quickstart.yaml', or a list of its words.",
      ]
    ),
    (
      "output: /no/x\nsteps:\n  - {name: a, run: make - /no/a}\n  - {name: a, run: make - /no/b}\n  - {name: 3, run: make - /no/c}\n",
      [
        "c.yaml:4: name of entry 2 of steps is 'a', as an earlier step is called.",
        "c.yaml:5: name of entry 3 of steps is '3'; expected a word, as numbers count steps.",
      ]
    ),
    (
      "output: /no/x\nsteps:\n  - run: make /no/b /no/a\n  - run: make /no/a,/no/c /no/b\n  - run: make /no/*.txt /no/d\n",
      [
        "c.yaml:3: step 1 (make): the input is '/no/b', which is not there, and no earlier step of c.yaml writes it. Step 2 (make 2) does.",
        "c.yaml:4: step 2 (make 2): the input is '/no/c', which is not there, and no earlier step of c.yaml writes it.",
        "c.yaml:4: step 2 (make 2) writes /no/b, where step 1 (make) reads /no/b. Choose another output.",
        "c.yaml:5: step 3 (make 3): the input is '/no/*.txt', which is not there, and no earlier step of c.yaml writes it. "
          + "Patterns are not expanded here: name the files.",
      ]
    ),
    (
      "output: /no/x\nsteps:\n  - run: make - /no/a\n  - run: make - /no/./a/\n  - run: make - /no/a/b\n  - run: make - /no\n",
      [
        "c.yaml:4: step 2 (make 2) writes /no/./a/, where step 1 (make) writes too. Choose another output.",
        "c.yaml:5: step 3 (make 3) writes /no/a/b, where step 1 (make) writes (/no/a). Choose another output.",
        "c.yaml:6: step 4 (make 4) writes /no, where this chain keeps chain.json. Choose another output.",
        "c.yaml:6: step 4 (make 4) writes /no, where step 1 (make) writes (/no/a). Choose another output.",
      ]
    ),
    // What may come from a step that is not understood is not asked for; what comes before it is.
    (
      "output: /no/x\nsteps:\n  - run: make /no/0 /no/a\n  - run: mkae - /no/b\n  - run: make /no/b /no/c\n",
      [
        "c.yaml:4: step 2 (mkae): no such command.",
        "c.yaml:3: step 1 (make): the input is '/no/0', which is not there, and no earlier step of c.yaml writes it.",
      ]
    ),
    (
      "output: /no/x\nsteps:\n  - run: make - /no/x/chain.json\n  - run: make - /no/x/a\n",
      ["c.yaml:3: step 1 (make) writes /no/x/chain.json, where this chain keeps chain.json. Choose another output."]
    ),
  ])
  func mistakes(text: String, messages: [String]) {
    #expect(problems(text) == messages)
  }

  /// What an earlier step makes is there for later ones, around and inside of what was named.
  @Test func inputsInsideAndAroundOutputs() {
    #expect(
      problems("output: /no/x\nsteps:\n  - run: make - /no/y/run\n  - run: make /no/y/run/best /no/b\n  - run: make /no/y /no/c\n") == [])
  }

  @Test func placesAreTheSameHoweverWritten() throws {
    let folder = try TemporaryFolder()
    try folder.write("a", to: "real/a")
    #expect(symlink(folder.file("real"), folder.file("link")) == 0)
    let place = FilePlace(folder.file("real/new/b"))
    for path in ["real/new/b/", "real/./new//b", "real/x/../new/b", "link/new/b"] {
      #expect(FilePlace(folder.file(path)) == place, "\(path)")
    }
    #expect(FilePlace(folder.file("link")).holds(place) && !place.holds(FilePlace(folder.file("link"))))
    #expect(!FilePlace(folder.file("real/ne")).holds(place))
    #expect(FilePlace("/").holds(place) && FilePlace("/").path == "/" && FilePlace("/no-such").path == "/no-such")
    #expect(FilePlace("a") == FilePlace("./a"))
  }
}
