/* What the kernels' dispatching files share. */
#ifndef PUNA_CONTEXT_PRIVATE_H
#define PUNA_CONTEXT_PRIVATE_H
#include "include/context.h"


static inline long puna_min_long(long a, long b) { return a < b ? a : b; }
static inline long puna_max_long(long a, long b) { return a > b ? a : b; }
static inline long puna_ceil_div(long a, long b) { return (a + b - 1) / b; }
#endif
