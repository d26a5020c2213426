/* Merging weights: groups of rows over the workers. The loops are in merge.inc.h. */
#include "merge_kernels.h"
#include "context_private.h"

typedef struct {
  puna_merge_kernel kernel;
  puna_merge_call *call;
} job;

static void run_group(void *argument, long index, int worker) {
  (void)worker;
  const job *j = argument;
  j->kernel(j->call, index * PUNA_MERGE_ROWS);
}

static puna_merge_kernel kernel(const puna_context *context) {
#if defined(__x86_64__)
  switch (puna_context_isa(context)) {
    case PUNA_ISA_AVX512_BF16: return puna_merge_group_avx512bf16;
    case PUNA_ISA_AVX512: return puna_merge_group_avx512;
    case PUNA_ISA_AVX2: return puna_merge_group_avx2;
    default: break;
  }
#else
  (void)context;
#endif
  return puna_merge_group_generic;
}

int puna_merge_rows(puna_context *context, long rows, long columns, const void *w, puna_dtype dtype, const puna_merge_term *terms,
                    int term_count, const double *row_factors, void *out, puna_dtype out_dtype) {
  puna_merge_call call = {rows, columns, w, dtype, out_dtype, terms, term_count, row_factors, out, 0};
  job j = {kernel(context), &call};
  if (rows > 0) puna_parallel_for(context, puna_ceil_div(rows, PUNA_MERGE_ROWS), run_group, &j);
  return call.not_finite;
}
