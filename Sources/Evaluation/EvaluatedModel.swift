import Llama
import Tokenizers

/// A model that is asked: a base, alone, with adapters, or merged.
public struct EvaluatedModel {
  /// In tables and files.
  public let name: String
  public let network: LlamaModel
  public let tokenizer: any Tokenizer
  /// How instructions are written for it.
  public let encoder: PromptEncoder
  /// Ids that end an answer.
  public let ends: Set<Int32>

  public init(name: String, network: LlamaModel, tokenizer: any Tokenizer, encoder: PromptEncoder, ends: Set<Int32>) {
    self.name = name
    self.network = network
    self.tokenizer = tokenizer
    self.encoder = encoder
    self.ends = ends
  }
}
