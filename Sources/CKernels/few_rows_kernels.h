/* Products of few rows with weights as they lie in memory, one table per instruction set (see few_rows.c). */
#ifndef PUNA_FEW_ROWS_KERNELS_H
#define PUNA_FEW_ROWS_KERNELS_H
#include "include/gemm.h"

/* Columns of the product that one task computes at most. */
enum { PUNA_FEW_ROWS_COLUMNS = 32 };

/* A stretch of k of neighbouring columns: a block of a segment, whose rows are the columns of the product. */
typedef struct {
  const char *w;
  size_t w_byte_stride;
  puna_dtype dtype;
  const char *x; /* row 0, at the stretch's first element */
  size_t x_byte_stride;
  int elements, columns;
} puna_few_rows_stretch;

/* A block of weights that comes next, brought into the caches on the way, in the order in which it lies in memory. */
typedef struct {
  const char *w;
  size_t w_byte_stride, row_bytes;
  int rows;
} puna_few_rows_fetch;

typedef struct {
  /* totals[row · PUNA_FEW_ROWS_COLUMNS + column] += x[row] · w[column] for `rows` rows: blocks of k in rising order, within a block lane by
     lane in rising k, then over the lanes. An element's sums are the same whatever the rows and columns around it. */
  void (*add)(int bf16, int rows, const puna_few_rows_stretch *stretch, const puna_few_rows_fetch *fetch, float *totals);
} puna_few_rows_kernels;

extern const puna_few_rows_kernels puna_few_rows_table_generic, puna_few_rows_table_avx2, puna_few_rows_table_avx512,
    puna_few_rows_table_avx512bf16;

/* As puna_gemm with at most PUNA_FEW_ROWS rows and no transposed term. */
void puna_gemm_few_rows(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count,
                        const puna_destination *destinations, int destination_count);
#endif
