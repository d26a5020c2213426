/* What every function behind the border needs: memory that plain C can release, and failures as texts. */
#ifndef PUNA_SENTENCEPIECE_SUPPORT_H
#define PUNA_SENTENCEPIECE_SUPPORT_H
#include <sentencepiece_processor.h>

#include <cstdlib>
#include <cstring>
#include <exception>

namespace puna {

/* Never an empty block: malloc(0) may be NULL, which would read as out of memory. */
inline void *copied(const void *bytes, size_t byte_count) {
  void *memory = std::malloc(byte_count ? byte_count : 1);
  if (memory && byte_count) std::memcpy(memory, bytes, byte_count);
  return memory;
}

inline void report(char **message, const char *text) {
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

inline sentencepiece::util::Status out_of_memory() {
  return sentencepiece::util::Status(sentencepiece::util::StatusCode::kResourceExhausted, "out of memory");
}

}  // namespace puna

#endif
