/* What merge.c hands to the kernels of one instruction set. */
#ifndef PUNA_MERGE_KERNELS_H
#define PUNA_MERGE_KERNELS_H
#include "include/merge.h"

typedef struct {
  long rows, columns;
  const void *w;
  puna_dtype dtype, out_dtype;
  const puna_merge_term *terms;
  int term_count;
  const double *row_factors;
  void *out;
  int not_finite; /* set by whoever meets such an element */
} puna_merge_call;

/* Rows that share each load of A. */
enum { PUNA_MERGE_ROWS = 4 };

/* Works on the group of PUNA_MERGE_ROWS rows that begins at `row`. */
typedef void (*puna_merge_kernel)(puna_merge_call *call, long row);

void puna_merge_group_generic(puna_merge_call *call, long row);
void puna_merge_group_avx2(puna_merge_call *call, long row);
void puna_merge_group_avx512(puna_merge_call *call, long row);
void puna_merge_group_avx512bf16(puna_merge_call *call, long row);
#endif
