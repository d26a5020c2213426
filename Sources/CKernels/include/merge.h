/* Folding low-rank deltas into a weight: summed in double, rounded once. */
#ifndef PUNA_MERGE_H
#define PUNA_MERGE_H
#include "weight.h"

/* factor · B A for some rows of a weight. */
typedef struct {
  const float *a;  /* [rank, columns] */
  const double *b; /* [rows, rank]: float32 values, so that every product with one of A is exact in double */
  int rank;
  double factor;
} puna_merge_term;

/* out[i, j] = row_factors[i] · (w[i, j] + factor_0 · Σ_t b_0[i, t] a_0[t, j] + factor_1 · ...), rounded to nearest even once. Sums run in
   the order of t, then of the terms, and with a last addition to w: every instruction set gives the same bits. row_factors may be NULL (1).
   All matrices are contiguous; w and out need no alignment. Returns 1 if an element of out is not finite, else 0. */
int puna_merge_rows(puna_context *context, long rows, long columns, const void *w, puna_dtype dtype, const puna_merge_term *terms,
                    int term_count, const double *row_factors, void *out, puna_dtype out_dtype);
#endif
