/* The embedded base `starter`: a small LLaMA whose files are part of the program (a resource folder would break when the program is moved).
   Tools/starter says how it was made. */
#ifndef CSTARTER_H
#define CSTARTER_H
#include <stddef.h>

typedef struct {
  const char *name;
  const unsigned char *bytes;
  size_t count;
} puna_starter_file;

/* The files of a Hugging Face folder, as they lie in Sources/CStarter/weights. */
const puna_starter_file *puna_starter_file_at(int index);
int puna_starter_file_count(void);
#endif
