/* The loops of elementwise.h, once per instruction set: FN(name) names them, VECTOR_FLOATS is the width. Rows are independent, and
   within a row the order of every sum depends on the width alone. `lanes` is VECTOR_FLOATS but in the last step of a row. */
#include <math.h>

#include "elementwise_kernels.h"
#include "vector.inc.h"
#include "weight_private.h"

/* Compiles `body` once for each element type. */
#define FOR_ELEMENT_TYPE(bf16, body) ((bf16) ? body(call, begin, end, 1) : body(call, begin, end, 0))

/* --- Weights --- */

static void FN(widen_block)(const char *bytes, puna_dtype dtype, long count, float *y) {
#define WIDEN_SHORT(i, lanes, widen)                               \
  vushort v = {0};                                                 \
  v_copy(&v, bytes + 2 * i, lanes, sizeof(uint16_t));              \
  v_store(y + i, widen(v), lanes)
#define WIDEN_BF16(i, lanes) WIDEN_SHORT(i, lanes, v_from_bf16)
#define WIDEN_HALF(i, lanes) WIDEN_SHORT(i, lanes, v_from_half)
  switch (dtype) {
    case PUNA_FLOAT32: memcpy(y, bytes, (size_t)count * sizeof(float)); break;
    case PUNA_FLOAT16: FOR_VECTORS(count, WIDEN_HALF); break;
    case PUNA_BFLOAT16: FOR_VECTORS(count, WIDEN_BF16); break;
  }
#undef WIDEN_SHORT
#undef WIDEN_BF16
#undef WIDEN_HALF
}

static void FN(gather)(const void *argument, long begin, long end) {
  const puna_gather_call *call = argument;
  for (long i = begin; i < end; ++i) {
    const long row = call->tokens != NULL ? call->tokens[i] : i;
    for (int s = 0; s < call->weight->segment_count; ++s) {
      const puna_segment *segment = &call->weight->segments[s];
      if (row < segment->row_begin || row >= segment->row_begin + segment->row_count) continue;
      FN(widen_block)(puna_segment_address(segment, (int)row, segment->column_begin), segment->dtype, segment->column_count,
                      call->y + (size_t)i * call->y_stride + (size_t)segment->column_begin);
    }
  }
}

/* --- Norms --- */

/* Σ term(i), four vectors wide so that each lane adds few terms, then over the lanes in double. `term` gives 0 in lanes it lacks. */
#define SUM_OVER_ROW(result, count, term)                                                              \
  do {                                                                                                 \
    vfloat sums[4] = {{0}, {0}, {0}, {0}};                                                             \
    const long all = (count);                                                                          \
    long at = 0;                                                                                       \
    for (; at + 4 * VECTOR_FLOATS <= all; at += 4 * VECTOR_FLOATS) {                                   \
      sums[0] += term(at, VECTOR_FLOATS);                                                              \
      sums[1] += term(at + VECTOR_FLOATS, VECTOR_FLOATS);                                              \
      sums[2] += term(at + 2 * VECTOR_FLOATS, VECTOR_FLOATS);                                          \
      sums[3] += term(at + 3 * VECTOR_FLOATS, VECTOR_FLOATS);                                          \
    }                                                                                                  \
    for (int k = 0; at < all; at += VECTOR_FLOATS, ++k) {                                              \
      const int left = all - at < VECTOR_FLOATS ? (int)(all - at) : VECTOR_FLOATS;                     \
      sums[k] += term(at, left);                                                                       \
    }                                                                                                  \
    result = v_sum(sums[0]) + v_sum(sums[1]) + (v_sum(sums[2]) + v_sum(sums[3]));                      \
  } while (0)

VECTOR_INLINE void rms_norm_rows(const puna_rms_norm_call *call, long begin, long end, const int bf16) {
  const int columns = call->columns;
  for (long row = begin; row < end; ++row) {
    const float *h = call->h + (size_t)row * call->h_stride;
    double sum;
#define TERM(i, lanes) (v_load(h + (i), lanes) * v_load(h + (i), lanes))
    SUM_OVER_ROW(sum, columns, TERM);
#undef TERM
    const float inverse = (float)(1 / sqrt(sum / columns + (double)call->epsilon));
    call->inverse_rms[row] = inverse;
    const size_t y = (size_t)row * call->y_stride, normalized = (size_t)row * call->normalized_stride;
#define STEP(i, lanes)                                                                                                   \
  const vfloat x = v_load(h + i, lanes) * inverse;                                                                       \
  if (call->normalized != NULL) v_store_element(call->normalized, normalized + (size_t)i, x, lanes, bf16);               \
  v_store_element(call->y, y + (size_t)i, x * v_load(call->scale + i, lanes), lanes, bf16)
    FOR_VECTORS(columns, STEP);
#undef STEP
    v_zero_padding(call->y, y, columns, bf16);
    if (call->normalized != NULL) v_zero_padding(call->normalized, normalized, columns, bf16);
  }
}
static void FN(rms_norm)(const void *argument, long begin, long end) {
  const puna_rms_norm_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, rms_norm_rows);
}

VECTOR_INLINE void rms_norm_backward_rows(const puna_rms_norm_backward_call *call, long begin, long end, const int bf16) {
  const int columns = call->columns;
  for (long row = begin; row < end; ++row) {
    const float *dy = call->dy + (size_t)row * call->dy_stride, *scale = call->scale;
    float *dh = call->dh + (size_t)row * call->dh_stride;
    const size_t normalized = (size_t)row * call->normalized_stride;
    double sum;
#define NORMALIZED(i, lanes) v_load_element(call->normalized, normalized + (size_t)(i), lanes, bf16)
#define TERM(i, lanes) (v_load(dy + (i), lanes) * v_load(scale + (i), lanes) * NORMALIZED(i, lanes))
    SUM_OVER_ROW(sum, columns, TERM);
#undef TERM
    const float inverse = call->inverse_rms[row], mean = (float)(sum / columns);
#define STEP(i, lanes)                                                                            \
  const vfloat g = v_load(dy + i, lanes) * v_load(scale + i, lanes);                              \
  v_store(dh + i, v_load(dh + i, lanes) + inverse * (g - NORMALIZED(i, lanes) * mean), lanes)
    FOR_VECTORS(columns, STEP);
#undef STEP
#undef NORMALIZED
  }
}
static void FN(rms_norm_backward)(const void *argument, long begin, long end) {
  const puna_rms_norm_backward_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, rms_norm_backward_rows);
}

/* --- Maps --- */

VECTOR_INLINE void scale_columns_rows(const puna_map_call *call, long begin, long end, const int bf16) {
  for (long row = begin; row < end; ++row) {
    const size_t x = (size_t)row * call->x_stride, y = (size_t)row * call->y_stride;
#define STEP(i, lanes) \
  v_store_element(call->y, y + (size_t)i, v_load_element(call->x, x + (size_t)i, lanes, bf16) * v_load(call->scale + i, lanes), lanes, bf16)
    FOR_VECTORS(call->columns, STEP);
#undef STEP
    v_zero_padding(call->y, y, call->columns, bf16);
  }
}
static void FN(scale_columns)(const void *argument, long begin, long end) {
  const puna_map_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, scale_columns_rows);
}

/* For results that are rounded to bf16 the shorter exponential is exact enough. */
VECTOR_INLINE vfloat sigmoid(vfloat x, const int bf16) {
  return 1.0f / (1.0f + (bf16 ? v_exp2(x * -1.44269504088896341f) : v_exp(-x)));
}

VECTOR_INLINE void swiglu_rows(const puna_map_call *call, long begin, long end, const int bf16) {
  const size_t columns = (size_t)call->columns;
  for (long row = begin; row < end; ++row) {
    const size_t x = (size_t)row * call->x_stride, y = (size_t)row * call->y_stride;
#define STEP(i, lanes)                                                                    \
  const vfloat gate = v_load_element(call->x, x + (size_t)i, lanes, bf16);                \
  const vfloat up = v_load_element(call->x, x + columns + (size_t)i, lanes, bf16);        \
  v_store_element(call->y, y + (size_t)i, gate * sigmoid(gate, bf16) * up, lanes, bf16)
    FOR_VECTORS(columns, STEP);
#undef STEP
    v_zero_padding(call->y, y, call->columns, bf16);
  }
}
static void FN(swiglu)(const void *argument, long begin, long end) {
  const puna_map_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, swiglu_rows);
}

/* s = sigmoid(gate): d_gate = dy · up · s · (1 + gate · (1 − s)), d_up = dy · gate · s. */
VECTOR_INLINE void swiglu_backward_rows(const puna_map_call *call, long begin, long end, const int bf16) {
  const size_t columns = (size_t)call->columns;
  for (long row = begin; row < end; ++row) {
    const size_t x = (size_t)row * call->x_stride, dy = (size_t)row * call->dy_stride, y = (size_t)row * call->y_stride;
#define STEP(i, lanes)                                                                                                          \
  const vfloat gate = v_load_element(call->x, x + (size_t)i, lanes, bf16);                                                      \
  const vfloat up = v_load_element(call->x, x + columns + (size_t)i, lanes, bf16);                                              \
  const vfloat g = v_load_element(call->dy, dy + (size_t)i, lanes, bf16);                                                       \
  const vfloat s = sigmoid(gate, bf16);                                                                                \
  v_store_element(call->y, y + (size_t)i, g * up * s * (1.0f + gate * (1.0f - s)), lanes, bf16);                                \
  v_store_element(call->y, y + columns + (size_t)i, g * gate * s, lanes, bf16)
    FOR_VECTORS(columns, STEP);
#undef STEP
    v_zero_padding(call->y, y, 2 * call->columns, bf16);
  }
}
static void FN(swiglu_backward)(const void *argument, long begin, long end) {
  const puna_map_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, swiglu_backward_rows);
}

VECTOR_INLINE void rotate_rows(const puna_rotate_call *call, long begin, long end, const int bf16) {
  const size_t half = (size_t)call->head_dimension / 2;
  const float sign = call->inverse ? -1.0f : 1.0f;
  for (long row = begin; row < end; ++row) {
    const float *cosines = call->cosines + (size_t)call->positions[row] * half, *sines = call->sines + (size_t)call->positions[row] * half;
    for (int head = 0; head < call->heads; ++head) {
      const size_t first = (size_t)row * call->x_stride + (size_t)head * 2 * half;
#define STEP(i, lanes)                                                                                             \
  const vfloat a = v_load_element(call->x, first + (size_t)i, lanes, bf16);                                        \
  const vfloat b = v_load_element(call->x, first + half + (size_t)i, lanes, bf16);                                 \
  const vfloat cosine = v_load(cosines + i, lanes), sine = v_load(sines + i, lanes) * sign;                        \
  v_store_element(call->x, first + (size_t)i, a * cosine - b * sine, lanes, bf16);                                 \
  v_store_element(call->x, first + half + (size_t)i, b * cosine + a * sine, lanes, bf16)
      FOR_VECTORS(half, STEP);
#undef STEP
    }
  }
}
static void FN(rotate)(const void *argument, long begin, long end) {
  const puna_rotate_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, rotate_rows);
}

VECTOR_INLINE void convert_rows(const puna_map_call *call, long begin, long end, const int bf16) {
  for (long row = begin; row < end; ++row) {
    const float *x = (const float *)call->x + (size_t)row * call->x_stride;
    const size_t y = (size_t)row * call->y_stride;
#define STEP(i, lanes) v_store_element(call->y, y + (size_t)i, v_load(x + i, lanes), lanes, bf16)
    FOR_VECTORS(call->columns, STEP);
#undef STEP
    v_zero_padding(call->y, y, call->columns, bf16);
  }
}
static void FN(convert)(const void *argument, long begin, long end) {
  const puna_map_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, convert_rows);
}

VECTOR_INLINE void widen_rows_rows(const puna_map_call *call, long begin, long end, const int bf16) {
  for (long row = begin; row < end; ++row) {
    const size_t x = (size_t)row * call->x_stride;
    float *y = (float *)call->y + (size_t)row * call->y_stride;
#define STEP(i, lanes) v_store(y + i, v_load_element(call->x, x + (size_t)i, lanes, bf16), lanes)
    FOR_VECTORS(call->columns, STEP);
#undef STEP
  }
}
static void FN(widen_rows)(const void *argument, long begin, long end) {
  const puna_map_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, widen_rows_rows);
}

/* --- Cross-entropy --- */

/* The largest logit; NaN is passed over here and shows in the sum of exponentials. */
static float FN(row_maximum)(const float *x, long count) {
  vfloat best = v_splat(-INFINITY);
  long i = 0;
  for (; i + VECTOR_FLOATS <= count; i += VECTOR_FLOATS) {
    const vfloat v = v_load(x + i, VECTOR_FLOATS);
    best = v_select(v > best, v, best);
  }
  float maximum = -INFINITY;
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) maximum = best[lane] > maximum ? best[lane] : maximum;
  for (; i < count; ++i) maximum = x[i] > maximum ? x[i] : maximum;
  return maximum;
}

/* Σ exp(x − maximum): float32 over 16 vectors a lane, then double, so that the error stays that of the exponentials. */
static double FN(sum_of_exponentials)(const float *x, long count, float maximum) {
  vdouble sum = {0};
  long i = 0;
  while (i + VECTOR_FLOATS <= count) {
    vfloat block[2] = {{0}, {0}};
    const long left = (count - i) / VECTOR_FLOATS, vectors = left < 16 ? left : 16;
    for (long k = 0; k < vectors; ++k, i += VECTOR_FLOATS) block[k & 1] += v_exp(v_load(x + i, VECTOR_FLOATS) - maximum);
    sum += __builtin_convertvector(block[0] + block[1], vdouble);
  }
  double total = v_sum_double(&sum);
  if (i < count) {
    const vfloat rest = v_exp(v_load(x + i, (int)(count - i)) - maximum);
    for (long lane = 0; lane < count - i; ++lane) total += (double)rest[lane];
  }
  return total;
}

VECTOR_INLINE void cross_entropy_rows(const puna_cross_entropy_call *call, long begin, long end, const int bf16) {
  const long vocabulary = call->vocabulary;
  for (long row = begin; row < end; ++row) {
    const float *logits = call->logits + (size_t)row * call->logits_stride;
    const size_t d = (size_t)row * call->d_logits_stride;
    const int32_t first = call->target_begin[row], last = call->target_begin[row + 1];
    const float maximum = FN(row_maximum)(logits, vocabulary);
    if (call->row_argmax != NULL) {
      long index = 0;
      while (index < vocabulary && logits[index] != maximum) ++index;
      call->row_argmax[row] = index < vocabulary ? (int32_t)index : 0; /* every logit NaN: 0 */
    }
    double sum = 0;
    if (first < last) {
      sum = FN(sum_of_exponentials)(logits, vocabulary, maximum);
      const double log_sum = log(sum);
      for (int32_t t = first; t < last; ++t) {
        call->log_probability[t] = (float)((double)logits[call->targets[t]] - (double)maximum - log_sum);
      }
    }
    if (call->weights == NULL) continue;
    double weight = 0;
    for (int32_t t = first; t < last; ++t) weight += (double)call->weights[t];
    const float factor = (float)(-weight / sum);
    /* Below a probability of 2^-64 there is no gradient: it is lost in rounding beside that of the targets, and denormal numbers are slow. */
    const float least = (float)(sum * 0x1p-64);
#define FILL(i, lanes) v_store_element(call->d_logits, d + (size_t)i, (vfloat){0}, lanes, bf16)
#define STEP(i, lanes)                                                                                    \
  const vfloat e = v_exp(v_load(logits + i, lanes) - maximum);                                            \
  v_store_element(call->d_logits, d + (size_t)i, factor * v_select(e < least, (vfloat){0}, e), lanes, bf16)
    if (first == last) {
      FOR_VECTORS(vocabulary, FILL);
    } else {
      FOR_VECTORS(vocabulary, STEP);
    }
#undef FILL
#undef STEP
    v_zero_padding(call->d_logits, d, call->vocabulary, bf16);
    /* At the targets 1 − softmax cancels: there in double, from the log-probability, with the weights of equal targets added. */
    for (int32_t t = first; t < last; ++t) {
      double own = 0;
      for (int32_t u = first; u < last; ++u) own += call->targets[u] == call->targets[t] ? (double)call->weights[u] : 0;
      const vfloat value = v_splat((float)(own - weight * exp((double)call->log_probability[t])));
      v_store_element(call->d_logits, d + (size_t)call->targets[t], value, 1, bf16);
    }
  }
}
static void FN(cross_entropy)(const void *argument, long begin, long end) {
  const puna_cross_entropy_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, cross_entropy_rows);
}

/* --- Dropout --- */

typedef uint64_t vlong __attribute__((vector_size(8 * VECTOR_FLOATS)));

/* High and low half of 32 x 32 bit products. */
VECTOR_INLINE void multiply_wide(vuint x, uint32_t multiplier, vuint *high, vuint *low) {
  const vlong product = __builtin_convertvector(x, vlong) * (uint64_t)multiplier;
  *high = __builtin_convertvector(product >> 32, vuint);
  *low = x * multiplier;
}

/* Philox4x32-10 (Salmon et al., SC 2011) on VECTOR_FLOATS consecutive first counters; word w of block b is words[4 · b + w].
   Tensors' Philox.block is the same function. */
VECTOR_INLINE void philox_blocks(uint32_t first, uint64_t row_hash, uint32_t salt, uint64_t seed, uint32_t *words) {
  vuint c0, c1 = (vuint){0} + (uint32_t)row_hash, c2 = (vuint){0} + (uint32_t)(row_hash >> 32), c3 = (vuint){0} + salt;
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) c0[lane] = first + (uint32_t)lane;
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    vuint high0, low0, high2, low2;
    multiply_wide(c0, 0xD2511F53u, &high0, &low0);
    multiply_wide(c2, 0xCD9E8D57u, &high2, &low2);
    c0 = high2 ^ c1 ^ k0;
    c1 = low2;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) {
    words[4 * lane] = c0[lane];
    words[4 * lane + 1] = c1[lane];
    words[4 * lane + 2] = c2[lane];
    words[4 * lane + 3] = c3[lane];
  }
}

/* Dropped elements are x · 0, so that NaN and infinity stay visible. */
VECTOR_INLINE void dropout_rows(const puna_dropout_call *call, long begin, long end, const int bf16) {
  for (long row = begin; row < end; ++row) {
    const size_t x = (size_t)row * call->x_stride, y = (size_t)row * call->y_stride;
    for (long block = 0; block < call->columns; block += 4 * VECTOR_FLOATS) {
      uint32_t words[4 * VECTOR_FLOATS];
      philox_blocks((uint32_t)(block / 4), call->row_hashes[row], call->salt, call->seed, words);
      const long left = call->columns - block, count = left < 4 * VECTOR_FLOATS ? left : 4 * VECTOR_FLOATS;
#define STEP(i, lanes)                                                                                     \
  vuint word;                                                                                              \
  memcpy(&word, words + i, sizeof word);                                                                   \
  const vfloat factor = v_select((vint)(word >= call->threshold), v_splat(call->scale), (vfloat){0});      \
  const size_t at = (size_t)(block + i);                                                                   \
  const vfloat kept = v_load_element(call->x, x + at, lanes, bf16) * factor;                               \
  if (call->add) {                                                                                         \
    float *sum = (float *)call->y + y + at;                                                                \
    v_store(sum, v_load(sum, lanes) + kept, lanes);                                                        \
  } else {                                                                                                 \
    v_store_element(call->y, y + at, kept, lanes, bf16);                                                   \
  }
      FOR_VECTORS(count, STEP);
#undef STEP
    }
    if (!call->add) v_zero_padding(call->y, y, call->columns, bf16);
  }
}
static void FN(dropout)(const void *argument, long begin, long end) {
  const puna_dropout_call *call = argument;
  FOR_ELEMENT_TYPE(call->bf16, dropout_rows);
}

/* --- Optimizer --- */

static void FN(sum_of_squares)(const void *argument, long begin, long end) {
  const puna_sum_of_squares_call *call = argument;
  for (long block = begin; block < end; ++block) {
    const float *x = call->x + block * PUNA_SUM_BLOCK;
    const long left = (long)call->count - block * PUNA_SUM_BLOCK, count = left < PUNA_SUM_BLOCK ? left : PUNA_SUM_BLOCK;
    vdouble sums[4] = {{0}, {0}, {0}, {0}};
    int k = 0;
#define STEP(i, lanes)                                                          \
  const vdouble v = __builtin_convertvector(v_load(x + i, lanes), vdouble);     \
  sums[k] += v * v;                                                             \
  k = (k + 1) & 3
    FOR_VECTORS(count, STEP);
#undef STEP
    const vdouble sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    call->sums[block] = v_sum_double(&sum);
  }
}

static void FN(adamw)(const void *argument, long begin, long end) {
  const puna_adamw_call *call = argument;
  const long first = begin * PUNA_ADAMW_BLOCK, all = (long)call->count;
  const long count = (end * PUNA_ADAMW_BLOCK < all ? end * PUNA_ADAMW_BLOCK : all) - first;
  float *parameter = call->parameter + first, *m = call->first_moment + first, *v = call->second_moment + first;
  const float *gradient = call->gradient + first;
#define STEP(i, lanes)                                                                                                    \
  const vfloat g = v_load(gradient + i, lanes) * call->gradient_scale;                                                    \
  const vfloat old = v_load(m + i, lanes);                                                                                \
  /* Tensor.lerp_ starts from the nearer end. */                                                                          \
  const vfloat first_moment = call->lerp < 0.5f ? old + call->lerp * (g - old) : g + (call->lerp - 1.0f) * (g - old);     \
  const vfloat decayed = v_load(v + i, lanes) * call->beta2;                                                              \
  const vfloat second_moment = decayed + call->one_minus_beta2 * g * g;                                                   \
  const vfloat denominator = __builtin_elementwise_sqrt(second_moment) / call->root_correction2 + call->epsilon;          \
  const vfloat kept = v_load(parameter + i, lanes) * call->keep;                                                          \
  v_store(m + i, first_moment, lanes);                                                                                    \
  v_store(v + i, second_moment, lanes);                                                                                   \
  v_store(parameter + i, kept + call->minus_step * first_moment / denominator, lanes)
  FOR_VECTORS(count, STEP);
#undef STEP
}

const puna_elementwise_kernels FN(puna_elementwise_table) = {
    .gather = FN(gather),
    .rms_norm = FN(rms_norm),
    .scale_columns = FN(scale_columns),
    .rms_norm_backward = FN(rms_norm_backward),
    .swiglu = FN(swiglu),
    .swiglu_backward = FN(swiglu_backward),
    .rotate = FN(rotate),
    .convert = FN(convert),
    .widen_rows = FN(widen_rows),
    .cross_entropy = FN(cross_entropy),
    .dropout = FN(dropout),
    .sum_of_squares = FN(sum_of_squares),
    .adamw = FN(adamw),
};
