import Checkpoints
import Foundation
import Runs
import TestSupport

/// Run folders put together by hand.
enum RunSample {
  static let record = #"""
    {"version": "0.1.0", "instruction_set": "generic", "precision": "float32", "seed": 7, "base": "models/tiny",
    "base_fingerprint": "abcd", "adapters": [], "templates": [{"name": "alpaca", "text": "{}"}],
    "data": {"files": ["data.json"], "training_rows": 5, "validation_rows": 1}}
    """#

  static func recipe(_ more: String = "") -> String {
    "base: models/tiny\ndata: {train: data.json}\ntraining: {epochs: 2, batch_size: 2\(more)}\noutput: out\n"
  }

  static let state = #"{"step": 3, "updates": 3, "metrics_bytes": 10, "micro_batch_tokens": 64, "recompute": false}"#

  /// A run of six steps of which `steps` are done.
  static func write(_ folder: TemporaryFolder, _ name: String, steps: Int, more: String = "", hasAdapter: Bool, hasCheckpoint: Bool) throws
  {
    try folder.write(record, to: "\(name)/run.json")
    try folder.write(recipe(more), to: "\(name)/recipe.yaml")
    try folder.write(Course.lines(steps: steps, validateEvery: 3), to: "\(name)/metrics.jsonl")
    if hasAdapter { try folder.write("{}", to: "\(name)/adapter_config.json") }
    if hasCheckpoint {
      try folder.write(state, to: "\(name)/checkpoints/step-000003/training_state.json")
      try folder.write("{}", to: "\(name)/checkpoints/step-000003/adapter_config.json")
    }
  }
}

enum GrowingBytes {
  static func of(_ path: String) throws -> [UInt8] { try GrowingFile.bytes(path) }
}
