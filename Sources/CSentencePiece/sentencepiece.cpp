#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

struct puna_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

/* Never an empty block: malloc(0) may be NULL, which would read as out of memory. */
void *copied(const void *bytes, size_t byte_count) {
  void *memory = std::malloc(byte_count ? byte_count : 1);
  if (memory && byte_count) std::memcpy(memory, bytes, byte_count);
  return memory;
}

void report(char **message, const char *text) {
  if (message) *message = static_cast<char *>(copied(text, std::strlen(text) + 1));
}

/* Runs body, which returns a status, and turns whatever goes wrong into a text. */
template <typename Body>
bool guarded(char **message, Body body) {
  try {
    const sentencepiece::util::Status status = body();
    if (status.ok()) return true;
    report(message, status.error_message());
  } catch (const std::exception &error) {
    report(message, error.what());
  } catch (...) {
    report(message, "an unknown failure in the SentencePiece library");
  }
  return false;
}

sentencepiece::util::Status out_of_memory() {
  return sentencepiece::util::Status(sentencepiece::util::StatusCode::kResourceExhausted, "out of memory");
}

}  // namespace

puna_sentencepiece *puna_sentencepiece_load(const void *bytes, size_t byte_count, char **message) {
  puna_sentencepiece *model = nullptr;
  const bool loaded = guarded(message, [&] {
    model = new puna_sentencepiece();
    return model->processor.LoadFromSerializedProto(std::string_view(static_cast<const char *>(bytes), byte_count));
  });
  if (loaded) return model;
  delete model;
  return nullptr;
}

void puna_sentencepiece_free(puna_sentencepiece *model) { delete model; }

int32_t puna_sentencepiece_count(const puna_sentencepiece *model) { return model->processor.GetPieceSize(); }
int32_t puna_sentencepiece_bos(const puna_sentencepiece *model) { return model->processor.bos_id(); }
int32_t puna_sentencepiece_eos(const puna_sentencepiece *model) { return model->processor.eos_id(); }
int32_t puna_sentencepiece_unk(const puna_sentencepiece *model) { return model->processor.unk_id(); }
int32_t puna_sentencepiece_pad(const puna_sentencepiece *model) { return model->processor.pad_id(); }

const char *puna_sentencepiece_piece(const puna_sentencepiece *model, int32_t id, size_t *byte_count) {
  const std::string &piece = model->processor.IdToPiece(id);
  *byte_count = piece.size();
  return piece.data();
}

puna_piece_kind puna_sentencepiece_kind(const puna_sentencepiece *model, int32_t id) {
  if (model->processor.IsUnknown(id)) return PUNA_PIECE_UNKNOWN;
  if (model->processor.IsControl(id)) return PUNA_PIECE_CONTROL;
  if (model->processor.IsUnused(id)) return PUNA_PIECE_UNUSED;
  if (model->processor.IsByte(id)) return PUNA_PIECE_BYTE;
  return PUNA_PIECE_NORMAL;
}

bool puna_sentencepiece_encode(
    const puna_sentencepiece *model, const char *text, size_t byte_count, int32_t **ids, size_t *count, char **message) {
  return guarded(message, [&] {
    std::vector<int> encoded;
    const auto status = model->processor.Encode(std::string_view(text, byte_count), &encoded);
    if (!status.ok()) return status;
    *count = encoded.size();
    *ids = static_cast<int32_t *>(copied(encoded.data(), encoded.size() * sizeof(int32_t)));
    return *ids ? status : out_of_memory();
  });
}

bool puna_sentencepiece_decode(
    const puna_sentencepiece *model, const int32_t *ids, size_t count, char **text, size_t *byte_count, char **message) {
  return guarded(message, [&] {
    std::string decoded;
    const auto status = model->processor.Decode(std::vector<int>(ids, ids + count), &decoded);
    if (!status.ok()) return status;
    *byte_count = decoded.size();
    *text = static_cast<char *>(copied(decoded.data(), decoded.size()));
    return *text ? status : out_of_memory();
  });
}

void puna_sentencepiece_release(void *memory) { std::free(memory); }
