import Foundation

/// A loss on text in measures that do not depend on where a tokenizer cuts it.
///
///     bits per byte = nats / (ln 2 · bytes)
///
/// The nats are those of all supervised tokens, an end of sequence among them; the bytes are what these tokens add to the text.
public struct TextLoss: Sendable, Equatable {
  /// Of a token: e to the mean loss in nats.
  public let perplexity: Double
  public let byteCount: Int
  public let bitsPerByte: Double
  /// Of a byte: 2 to the bits.
  public var perplexityPerByte: Double { exp2(bitsPerByte) }

  /// - Parameters:
  ///   - loss: mean over the tokens, in nats.
  ///   - byteCount: of the text that the tokens stand for; nil: it is not all text.
  /// - Returns: nil without text.
  init?(loss: Double, tokenCount: Int, byteCount: Int?) {
    guard let byteCount, byteCount > 0 else { return nil }
    self.byteCount = byteCount
    perplexity = exp(loss)
    bitsPerByte = loss * Double(tokenCount) / (log(2) * Double(byteCount))
  }

  /// The members of a line of `metrics.jsonl`.
  var json: String {
    """
    "perplexity":\(perplexity.json),"bytes":\(byteCount),"bits_per_byte":\(bitsPerByte.json),\
    "perplexity_per_byte":\(perplexityPerByte.json)
    """
  }
}
