/* Gradients of trained rows of the embedding and of the head: bound by memory, so that one source serves every instruction set. */
#include "include/vocabulary.h"

#include <string.h>

/* Columns of a task: whole cache lines, and few enough that a narrow embedding occupies several workers. */
enum { GATHER_COLUMNS = 64 };

typedef struct {
  const int32_t *tokens;
  const float *dh;
  float *g;
  size_t dh_stride;
  int n, columns, first, count;
} gather_call;

/* A task owns its columns of every row of g: two rows of dh with one token are added by the same worker, in order. */
static void add_columns(void *argument, long index, int worker) {
  (void)worker;
  const gather_call *call = argument;
  const long begin = index * GATHER_COLUMNS;
  const long width = call->columns - begin < GATHER_COLUMNS ? call->columns - begin : GATHER_COLUMNS;
  for (long i = 0; i < call->n; ++i) {
    const long row = (long)call->tokens[i] - call->first;
    if (row < 0 || row >= call->count) continue;
    float *restrict g = call->g + (size_t)row * call->columns + begin;
    const float *restrict dh = call->dh + (size_t)i * call->dh_stride + begin;
    for (long j = 0; j < width; ++j) g[j] += dh[j];
  }
}

void puna_add_gathered(puna_context *context, const int32_t *tokens, int n, int columns, const float *dh, size_t dh_stride, int first,
                       int count, float *g) {
  gather_call call = {tokens, dh, g, dh_stride, n, columns, first, count};
  if (n > 0) puna_parallel_for(context, ((long)columns + GATHER_COLUMNS - 1) / GATHER_COLUMNS, add_columns, &call);
}

/* Edge of a tile: a tile's lines of both matrices fit the first cache. */
enum { TILE = 32 };

typedef struct {
  const char *x;
  char *y;
  size_t x_stride, y_stride; /* elements */
  int n, columns;
} transpose_call;

#define TRANSPOSE(type)                                                                                   \
  static void transpose_##type(void *argument, long index, int worker) {                                  \
    (void)worker;                                                                                         \
    const transpose_call *call = argument;                                                                \
    const long begin = index * TILE, end = begin + TILE < call->columns ? begin + TILE : call->columns;   \
    const long padded = ((long)call->n + TILE - 1) / TILE * TILE;                                         \
    for (long row = 0; row < padded; row += TILE) {                                                       \
      const long rows = call->n - row < TILE ? call->n - row : TILE;                                      \
      for (long j = begin; j < end; ++j) {                                                                \
        type *y = (type *)call->y + (size_t)j * call->y_stride + row;                                     \
        const type *x = (const type *)call->x + (size_t)row * call->x_stride + j;                         \
        for (long i = 0; i < rows; ++i) y[i] = x[(size_t)i * call->x_stride];                             \
        if (rows < TILE) memset(y + rows, 0, (size_t)(TILE - rows) * sizeof(type));                       \
      }                                                                                                   \
    }                                                                                                     \
  }
TRANSPOSE(uint16_t)
TRANSPOSE(uint32_t)

void puna_transpose(puna_context *context, int element_size, const void *x, size_t x_stride, int n, int columns, void *y, size_t y_stride) {
  transpose_call call = {x, y, x_stride, y_stride, n, columns};
  if (n > 0 && columns > 0)
    puna_parallel_for(context, ((long)columns + TILE - 1) / TILE, element_size == 2 ? transpose_uint16_t : transpose_uint32_t, &call);
}
