#include "CSentencePiece.h"
#include "support.h"

#include <string>
#include <vector>

using namespace puna;

struct puna_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

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
