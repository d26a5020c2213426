/* What the kernels' dispatching files share. */
#ifndef PUNA_CONTEXT_PRIVATE_H
#define PUNA_CONTEXT_PRIVATE_H
#include "include/context.h"


/* Scratch that all workers of a region read, filled before it. As puna_scratch, but the context's own. */
void *puna_shared_scratch(puna_context *context, size_t bytes);

static inline long puna_min_long(long a, long b) { return a < b ? a : b; }
static inline long puna_max_long(long a, long b) { return a > b ? a : b; }
static inline long puna_ceil_div(long a, long b) { return (a + b - 1) / b; }
#endif
