/* The SentencePiece library (Kudo and Richardson, EMNLP 2018) behind plain C. No exception and no status crosses this border: a
   function that can fail returns NULL or false and sets *message to a text, which the caller releases with
   puna_sentencepiece_release. A loaded model is immutable and may be used by any number of threads at once. */
#ifndef PUNA_CSENTENCEPIECE_H
#define PUNA_CSENTENCEPIECE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct puna_sentencepiece puna_sentencepiece;

typedef enum {
  PUNA_PIECE_NORMAL = 0,
  PUNA_PIECE_UNKNOWN = 1,
  PUNA_PIECE_CONTROL = 2,
  PUNA_PIECE_UNUSED = 3,
  PUNA_PIECE_BYTE = 4
} puna_piece_kind;

/* A model from the bytes of a .model file. The bytes are not needed afterwards. */
puna_sentencepiece *puna_sentencepiece_load(const void *bytes, size_t byte_count, char **message);
void puna_sentencepiece_free(puna_sentencepiece *model);

int32_t puna_sentencepiece_count(const puna_sentencepiece *model);
/* -1 where the model has no such piece. */
int32_t puna_sentencepiece_bos(const puna_sentencepiece *model);
int32_t puna_sentencepiece_eos(const puna_sentencepiece *model);
int32_t puna_sentencepiece_unk(const puna_sentencepiece *model);
int32_t puna_sentencepiece_pad(const puna_sentencepiece *model);

/* id must lie in 0 ..< count. The text lives as long as the model and is not terminated by zero. */
const char *puna_sentencepiece_piece(const puna_sentencepiece *model, int32_t id, size_t *byte_count);
puna_piece_kind puna_sentencepiece_kind(const puna_sentencepiece *model, int32_t id);

/* Text (valid UTF-8) to ids, without bos and eos. *ids is released by the caller. */
bool puna_sentencepiece_encode(
    const puna_sentencepiece *model, const char *text, size_t byte_count, int32_t **ids, size_t *count, char **message);
/* Ids, each in 0 ..< count, to text. *text is released by the caller and not terminated by zero. */
bool puna_sentencepiece_decode(
    const puna_sentencepiece *model, const int32_t *ids, size_t count, char **text, size_t *byte_count, char **message);

/* A stretch of text, not terminated by zero. */
typedef struct {
  const char *bytes;
  size_t byte_count;
} puna_text;

/* Trains a model. settings holds a name and a value in turn, as SentencePiece's trainer calls them. The library ends the process over
   what it does not expect, and a large corpus can end it too; so it works in a process of its own, and every such end is a message here.
   What it writes to standard error goes into that message, or nowhere. *model is released by the caller. */
bool puna_sentencepiece_train(
    const char *const *settings, size_t setting_count, const puna_text *sentences, size_t sentence_count, void **model,
    size_t *byte_count, char **message);

void puna_sentencepiece_release(void *memory);

#ifdef __cplusplus
}
#endif
#endif
