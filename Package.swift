// swift-tools-version: 6.2
// The manifest is the architecture: who may import whom. `.ci/check-imports` holds it against the sources.
import PackageDescription

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

// A static Foundation does not name what it stands on.
let staticFoundation = [
  "CoreFoundation", "FoundationEssentials", "FoundationInternationalization", "_FoundationCShims", "_FoundationCollections",
  "_FoundationICU",
  "swiftSynchronization", "swift_RegexParser", "swift_StringProcessing",
].map { LinkerSetting.linkedLibrary($0) }

// CI sets this; a newer compiler's new warnings stop nobody else.
let warningsAreErrors = Context.environment["PUNA_WARNINGS"] == "error"

let package = Package(
  name: "puna",
  products: [.executable(name: "puna", targets: ["puna"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
  ],
  targets: [
    // MARK: - C
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])], linkerSettings: [.linkedLibrary("m")]),
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "CZlib"),
    .systemLibrary(name: "CBzip2"),
    .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece_train"), .linkedLibrary("sentencepiece")]),
    .target(name: "CStarter", exclude: ["weights"]),
    .target(name: "CSandbox"),

    // MARK: - Vocabulary and network
    .target(name: "Tensors", swiftSettings: [.strictMemorySafety()]),
    .target(name: "CPUBackend", dependencies: ["Tensors", "CKernels", "COpenBLAS"]),
    .target(name: "Llama", dependencies: ["Tensors"], swiftSettings: [.strictMemorySafety()]),

    // MARK: - Files and text
    // Strict reading and writing: a scanner for data, a tree for small documents.
    .target(name: "JSON"),
    // What people read: numbers in words, lines of text, HTML.
    .target(name: "Pages"),
    .target(name: "Checkpoints", dependencies: ["Tensors", "JSON"]),
    .target(name: "Tokenizers", dependencies: ["CSentencePiece", "JSON"]),
    .target(name: "Vocabularies", dependencies: ["CSentencePiece", "Tensors", "JSON", "Checkpoints", "Tokenizers"]),
    .target(name: "Bases", dependencies: ["Tensors", "JSON", "Checkpoints", "Llama", "Tokenizers"]),
    .target(name: "Adapters", dependencies: ["Tensors", "JSON", "Checkpoints", "Llama", "Bases"]),
    .target(name: "Datasets", dependencies: ["Tensors", "JSON", "Tokenizers"]),

    // MARK: - Jobs
    .target(
      name: "FineTuning", dependencies: ["Tensors", "JSON", "Checkpoints", "Llama", "Adapters", "Datasets"],
      swiftSettings: [.strictMemorySafety()]),
    .target(name: "Inference", dependencies: ["Tensors", "Llama", "Tokenizers"]),
    .target(
      name: "Evaluation",
      dependencies: ["Tensors", "JSON", "Pages", "Llama", "Tokenizers", "Datasets", "Inference", "Configuration", "CZlib", "CBzip2"]),
    .target(name: "CodeExecution", dependencies: ["CSandbox"]),
    .target(name: "Configuration", dependencies: [yams]),
    .target(name: "Recipes", dependencies: ["Configuration", "Datasets", "Adapters", "FineTuning"]),
    // What a run folder tells: its files are the interface.
    .target(
      name: "Runs",
      dependencies: ["JSON", "Pages", "Checkpoints", "Llama", "Adapters", "FineTuning", "Configuration", "Recipes"]),
    // Commands that follow each other, and the record of what they did.
    .target(name: "Chains", dependencies: ["JSON", "Pages", "Checkpoints", "Configuration", "Recipes", "Runs"]),
    .target(
      name: "Inspection",
      dependencies: ["Tensors", "JSON", "Pages", "Checkpoints", "Tokenizers", "Llama", "Bases", "Adapters", "FineTuning", "Runs"]),
    .executableTarget(
      name: "puna",
      dependencies: [
        "Tensors", "CPUBackend", "JSON", "Pages", "Checkpoints", "Tokenizers", "Llama", "Bases", "Adapters", "Datasets", "FineTuning",
        "Inference", "Evaluation", "CodeExecution", "Recipes", "Runs", "Chains", "Inspection", "Configuration", "Vocabularies",
        "CStarter", argumentParser,
      ],
      linkerSettings: [.unsafeFlags(["-static-stdlib"])] + staticFoundation),

    // MARK: - Tests
    .target(
      name: "TestSupport", dependencies: ["Tensors", "Llama", .product(name: "Numerics", package: "swift-numerics")],
      path: "Tests/TestSupport"),
    .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "Tensors"]),
    .testTarget(
      name: "LlamaTests",
      dependencies: ["Llama", "Tensors", "CPUBackend", "TestSupport", .product(name: "Numerics", package: "swift-numerics")]),
    .testTarget(name: "CPUBackendTests", dependencies: ["CPUBackend", "CKernels", "Tensors", "TestSupport"]),
    .executableTarget(
      name: "puna-benchmarks",
      dependencies: [
        "Bases", "CPUBackend", "CKernels", "Datasets", "Evaluation", "FineTuning", "JSON", "Llama", "Tensors", "Tokenizers", argumentParser,
      ], path: "Tests/Benchmarks",
      exclude: ["pytorch_attention.py", "pytorch_linear.py"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "JSON", "Tensors", "TestSupport"]),
    .testTarget(name: "BasesTests", dependencies: ["Bases", "Checkpoints", "JSON", "Llama", "Tensors", "TestSupport"]),
    .testTarget(
      name: "AdaptersTests", dependencies: ["Adapters", "Bases", "Checkpoints", "JSON", "Llama", "Tensors", "TestSupport"],
      exclude: ["goldens"]),
    .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers", "JSON", "TestSupport"]),
    .testTarget(name: "VocabulariesTests", dependencies: ["Vocabularies", "Checkpoints", "Tokenizers", "TestSupport"]),
    .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Tokenizers", "Tensors", "TestSupport"]),
    .testTarget(name: "FineTuningTests", dependencies: ["CPUBackend", "FineTuning", "Llama", "Tensors", "TestSupport"]),
    .testTarget(
      name: "InspectionTests",
      dependencies: ["Inspection", "Adapters", "Bases", "Checkpoints", "JSON", "Llama", "Tensors", "Tokenizers", "TestSupport"]),
    .testTarget(name: "InferenceTests", dependencies: ["Inference", "Llama", "Tensors", "Tokenizers", "CPUBackend", "TestSupport"]),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Evaluation", "CPUBackend", "Checkpoints", "Configuration", "Datasets", "Inference", "JSON", "Llama", "Tensors", "Tokenizers",
        "TestSupport",
      ]),
    .testTarget(
      name: "GoldenTests",
      dependencies: [
        "Adapters", "Bases", "CPUBackend", "Checkpoints", "Datasets", "FineTuning", "Inference", "JSON", "Llama", "Tensors", "Tokenizers",
        "TestSupport",
      ],
      exclude: ["goldens"]),
    // Runs the tool as a process. It does not depend on the target, whose linker flags are not for tests: `swift test` builds both.
    .testTarget(name: "CommandTests", dependencies: ["TestSupport"]),
    // Every reader as a function of bytes; `Tests/Fuzzing/run` gives them what libFuzzer thinks of, the tests what was found before.
    .target(
      name: "FuzzedReaders",
      dependencies: [
        "Adapters", "Bases", "Checkpoints", "Datasets", "Evaluation", "JSON", "Runs", "Tensors", "TestSupport", "Tokenizers",
        "Vocabularies",
      ],
      path: "Tests/Fuzzing/Readers"),
    .testTarget(name: "FuzzingTests", dependencies: ["FuzzedReaders"], path: "Tests/Fuzzing/Tests"),
    .testTarget(name: "CodeExecutionTests", dependencies: ["CodeExecution", "CSandbox", "TestSupport"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
    .testTarget(name: "RecipesTests", dependencies: ["Recipes"]),
    .testTarget(name: "ChainsTests", dependencies: ["Chains", "Checkpoints", "Configuration", "Recipes", "TestSupport"]),
    .testTarget(
      name: "RunsTests", dependencies: ["Runs", "Adapters", "Checkpoints", "FineTuning", "JSON", "Llama", "Pages", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu17,
  cxxLanguageStandard: .cxx17
)

// libFuzzer brings the main function; without it this program does not link.
if Context.environment["PUNA_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "puna-fuzz", dependencies: ["FuzzedReaders"], path: "Tests/Fuzzing/Driver", swiftSettings: [.unsafeFlags(["-parse-as-library"])]
    ))
}

for target in package.targets where warningsAreErrors && target.type != .system {
  target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
  target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
}
