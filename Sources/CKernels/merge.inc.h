/* W + Σ factor · B A in double, rounded once: a strip of one vector's columns for a group of rows, the sums in registers. */
#include "merge_kernels.h"
#include "vector.inc.h"

typedef uint64_t FN(vulong) __attribute__((vector_size(8 * VECTOR_FLOATS)));
#define vulong FN(vulong)

/* Elements index ..< index + lanes of a weight, by address: a vector wider than a register has no settled way to be returned. */
VECTOR_INLINE void FN(merge_load)(vdouble *x, const void *w, size_t index, int lanes, puna_dtype dtype) {
  if (dtype == PUNA_FLOAT32) {
    *x = __builtin_convertvector(v_load((const float *)w + index, lanes), vdouble);
  } else {
    vushort bits = {0};
    v_copy(&bits, (const uint16_t *)w + index, lanes, sizeof(uint16_t));
    *x = __builtin_convertvector(dtype == PUNA_BFLOAT16 ? v_from_bf16(bits) : v_from_half(bits), vdouble);
  }
}

/* Rounds to a multiple of the spacing of numbers of `digits` binary digits, to nearest even, by adding and subtracting 1.5 · 2^52
   spacings; below 2^least the spacing stays. Beyond 2^900 and for what is not finite the result is not finite. */
VECTOR_INLINE void FN(merge_round)(vdouble *x, int digits, int least) {
#pragma clang fp contract(off)
  const vulong power = (vulong)*x & 0x7ff0000000000000u;
  const vulong smallest = power * 0 + ((uint64_t)(1023 + least) << 52);
  const vulong mask = (vulong)(power < smallest);
  const vdouble magic = (vdouble)((mask & smallest) | (~mask & power)) * (1.5 * (double)(1ull << (53 - digits)));
  /* What rounds to zero keeps its sign. */
  *x = (vdouble)((vulong)((*x + magic) - magic) | ((vulong)*x & 0x8000000000000000u));
}

/* Stores rounded elements; 1 if one of them is not finite. */
VECTOR_INLINE int FN(merge_store)(void *out, size_t index, const vdouble *x, int lanes, puna_dtype dtype) {
  vdouble rounded = *x;
  if (dtype == PUNA_BFLOAT16) FN(merge_round)(&rounded, 8, -126);
  if (dtype == PUNA_FLOAT16) FN(merge_round)(&rounded, 11, -14);
  /* Exact but for float32, where this is the rounding. */
  const vfloat narrow = __builtin_convertvector(rounded, vfloat);
  const vuint bits = v_bits(narrow), magnitude = bits & 0x7fffffffu;
  vuint special = (vuint)(magnitude >= 0x7f800000u);
  if (dtype == PUNA_FLOAT32) {
    v_store((float *)out + index, narrow, lanes);
  } else if (dtype == PUNA_BFLOAT16) {
    const vushort halves = __builtin_convertvector(bits >> 16, vushort);
    v_copy((uint16_t *)out + index, &halves, lanes, sizeof(uint16_t));
  } else {
    special = (vuint)(magnitude >= 0x47800000u); /* 65536 */
    const vuint small = (vuint)(magnitude < 0x38800000u); /* 2^-14: the number of smallest steps is the encoding */
    const vuint steps = (vuint)__builtin_convertvector(((vfloat)magnitude) * 0x1p24f, vint);
    const vuint normal = (magnitude - (112u << 23)) >> 13;
    const vuint half = (special & 0x7c00u) | (~special & ((small & steps) | (~small & normal))) | ((bits >> 16) & 0x8000u);
    const vushort halves = __builtin_convertvector(half, vushort);
    v_copy((uint16_t *)out + index, &halves, lanes, sizeof(uint16_t));
  }
  uint32_t any = 0;
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) any |= special[lane];
  return any != 0;
}

#define FUSED_PRODUCTS _Pragma("clang fp contract(on)")

void FN(puna_merge_group)(puna_merge_call *call, long first) {
#pragma clang fp contract(off)
  const long columns = call->columns;
  /* The last group's missing rows repeat its last one. */
  long rows[PUNA_MERGE_ROWS];
  for (int r = 0; r < PUNA_MERGE_ROWS; ++r) rows[r] = puna_min_long(first + r, call->rows - 1);
  int not_finite = 0;
#define STEP(i, lanes)                                                                                             \
  vdouble delta[PUNA_MERGE_ROWS] = {{0}, {0}, {0}, {0}};                                                           \
  for (int k = 0; k < call->term_count; ++k) {                                                                     \
    const puna_merge_term *term = &call->terms[k];                                                                 \
    const float *a = term->a + i;                                                                                  \
    const double *b[PUNA_MERGE_ROWS];                                                                              \
    for (int r = 0; r < PUNA_MERGE_ROWS; ++r) b[r] = term->b + rows[r] * term->rank;                               \
    vdouble sum[PUNA_MERGE_ROWS] = {{0}, {0}, {0}, {0}};                                                           \
    for (int t = 0; t < term->rank; ++t, a += columns) {                                                           \
      const vdouble values = __builtin_convertvector(v_load(a, lanes), vdouble);                                   \
      /* The product is exact, so that fusing it with the addition changes nothing. */                             \
      for (int r = 0; r < PUNA_MERGE_ROWS; ++r) {                                                                  \
        FUSED_PRODUCTS                                                                                             \
        sum[r] += b[r][t] * values;                                                                                \
      }                                                                                                            \
    }                                                                                                              \
    for (int r = 0; r < PUNA_MERGE_ROWS; ++r) delta[r] = delta[r] + sum[r] * term->factor;                         \
  }                                                                                                                \
  for (int r = 0; r < PUNA_MERGE_ROWS; ++r) {                                                                      \
    const size_t index = (size_t)(rows[r] * columns + i);                                                          \
    vdouble x;                                                                                                     \
    FN(merge_load)(&x, call->w, index, lanes, call->dtype);                                                        \
    if (call->term_count > 0) x = x + delta[r];                                                                    \
    if (call->row_factors) x = x * call->row_factors[rows[r]];                                                     \
    not_finite |= FN(merge_store)(call->out, index, &x, lanes, call->out_dtype);                                   \
  }
  FOR_VECTORS(columns, STEP);
#undef STEP
  if (not_finite) __atomic_store_n(&call->not_finite, 1, __ATOMIC_RELAXED);
}
#undef vulong
#undef FUSED_PRODUCTS
