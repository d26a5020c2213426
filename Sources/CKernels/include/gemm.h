/* Products of activations with weights: one packed driver, micro-kernels per instruction set and precision. */
#ifndef PUNA_GEMM_H
#define PUNA_GEMM_H
#include "weight.h"

/* One summand of a product: y[:, n_begin ..] += x · op(w).
   x is [m, k] row-major, `x_stride` elements from row to row, in the element type of the precision (bf16 or float32).
   Contract for x: 64-byte aligned rows, stride a multiple of 32 elements, and the elements from k up to the next multiple of 32 readable
   and zero.
   transposed = 0: op(w) = wᵀ, so k = w.columns and the summand covers w.rows columns of y.
   transposed = 1: op(w) = w,  so k = w.rows    and the summand covers w.columns columns of y.
   Several summands that cover the same columns of y act as one product with a longer k: that is how LoRA's rank-r products ride along. */
typedef struct {
  const void *x;
  size_t x_stride;
  const puna_weight *weight;
  int transposed;
  int n_begin;
} puna_gemm_term;

typedef enum {
  PUNA_STORE = 0,      /* y  = scale · product, float32 */
  PUNA_ADD = 1,        /* y += scale · product, float32 */
  PUNA_STORE_BF16 = 2  /* y  = scale · product, rounded to nearest even bf16 */
} puna_destination_kind;

/* Columns n_begin ..< n_begin + n_count of the product go to y [m, n_count], y_stride elements from row to row. */
typedef struct {
  puna_destination_kind kind;
  void *y;
  size_t y_stride;
  int n_begin, n_count;
  float scale;
} puna_destination;

/* Products of up to so many rows, no term of them transposed, are not packed: see puna_gemm. */
enum { PUNA_FEW_ROWS = 16 };

/* bf16 = 1: x is bf16, weights are rounded to bf16 while packed, dot products accumulate in float32 (needs PUNA_ISA_AVX512_BF16).
   bf16 = 0: x is float32, weights are widened to float32 while packed.
   Every element of the product is computed by one worker in an order that depends on shapes alone, never on the number of threads nor on
   the row's place in the matrix; up to PUNA_FEW_ROWS rows have one order, more have another. Columns that no destination names are not
   computed. */
void puna_gemm(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count,
               const puna_destination *destinations, int destination_count);

/* Gradient of a rank-r factor: g[r, columns] += duᵀ x, summed over fixed blocks of 256 rows, in row order.
   du is [n, rank] and x is [n, columns], both bf16 (bf16 = 1) or float32; g is float32 [rank, columns] with g_stride elements a row
   (transpose = 0), or [columns, rank] with g_stride elements a row (transpose = 1). */
void puna_rank_gradient(puna_context *context, int bf16, int n, int rank, int columns, const void *du, size_t du_stride,
                        const void *x, size_t x_stride, float *g, size_t g_stride, int transpose);

/* Single-threaded row-major sgemm in BLAS's terms, which PUNA_ISA_GENERIC then uses on packed panels; NULL restores its own kernels. The
   bits of a row's results may then depend on the number of rows, as the library pleases. */
typedef void (*puna_sgemm)(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int a_stride,
                           const float *b, int b_stride, float beta, float *c, int c_stride);
void puna_set_generic_sgemm(puna_sgemm sgemm);
#endif
