/* Products of few rows with weights as they lie in memory, one table per instruction set (see few_rows.c). */
#ifndef PUNA_FEW_ROWS_KERNELS_H
#define PUNA_FEW_ROWS_KERNELS_H
#include "include/gemm.h"

enum {
  PUNA_GROUP_COLUMNS = 4, /* columns of the product that share every load of x */
  PUNA_GROUP_ROWS = 4,    /* most rows of x that share every load of a weight */
  PUNA_MOST_LANES = 16
};

/* A stretch of k that lies in one segment. */
typedef struct {
  const char *w[PUNA_GROUP_COLUMNS]; /* the weight's rows, at the stretch's first element */
  puna_dtype dtype;
  const char *x; /* row 0 there */
  size_t x_byte_stride;
  int elements;
  /* `fetches` rows that come next, brought into the caches on the way; the other addresses are of something near. */
  const char *fetch[PUNA_GROUP_COLUMNS];
  int fetches;
} puna_few_rows_stretch;

/* Lanes of one sum each. */
typedef struct {
  _Alignas(64) float lanes[PUNA_GROUP_ROWS][PUNA_GROUP_COLUMNS][PUNA_MOST_LANES];
} puna_few_rows_sums;

typedef struct {
  int rows; /* of x at once, at most PUNA_GROUP_ROWS */
  /* sums[row][column] = (continued ? the same : 0) + x[row] · w[column], lane by lane in rising k; columns is 1 or PUNA_GROUP_COLUMNS. */
  void (*add)(int bf16, int rows, int columns, const puna_few_rows_stretch *stretch, int continued, puna_few_rows_sums *sums);
  /* tile[row · tile_stride + column] = the total of that sum's lanes. */
  void (*total)(int rows, int columns, const puna_few_rows_sums *sums, float *tile, int tile_stride);
} puna_few_rows_kernels;

extern const puna_few_rows_kernels puna_few_rows_table_generic, puna_few_rows_table_avx2, puna_few_rows_table_avx512,
    puna_few_rows_table_avx512bf16;

/* As puna_gemm with at most PUNA_FEW_ROWS rows and no transposed term. */
void puna_gemm_few_rows(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count,
                        const puna_destination *destinations, int destination_count);
#endif
