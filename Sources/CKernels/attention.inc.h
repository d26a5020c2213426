/* The tiles of attention.h, once per instruction set: FN(name) names them, VECTOR_FLOATS is the width.

   Matrices of scratch hold 32-bit words: floats, or (`pairs`) two bf16 that follow each other along the summed dimension, for the dot
   products of AVX512_BF16. All products are c[m, n] (+)= a[m, k] · b[k, n] in words: b with n contiguous, a read element by element, so that
   it may lie either way round. `bf16` is the element type of the operands; both are constants in every instance. */
#include <math.h>

#include "attention_kernels.h"
#include "vector.inc.h"

#include "attention_packing.inc.h"

/* --- Tiles --- */

/* Packed matrix `matrix` of a key tile. */
VECTOR_INLINE uint32_t *packed(const puna_attention_call *call, int head, int matrix, const puna_attention_tile *tile) {
  const size_t columns = puna_padded_dimension(call->attention->head_dimension);
  return call->packed + (size_t)(head - call->head_begin) * call->packed_head +
         ((size_t)matrix * (size_t)call->padded_rows + (size_t)tile->packed_row) * columns;
}
VECTOR_INLINE int padded_keys(const puna_attention_tile *tile) { return (tile->count + 15) & ~15; }

/* Where the rows of a key tile lie in k or v of the batch, or of the resident matrices. */
VECTOR_INLINE const void *tile_rows(const puna_attention_call *call, const puna_attention_tile *tile, int head, const void *x,
                                    const void *resident, size_t stride, const int bf16) {
  const int is_resident = call->attention->segments[tile->segment].resident;
  const size_t column = (size_t)head * (size_t)call->attention->head_dimension;
  return is_resident ? element(resident, (size_t)tile->begin * call->attention->resident_stride + column, bf16)
                     : element(x, (size_t)tile->begin * stride + column, bf16);
}

/* A key tile as forward's two products read it: the keys transposed, the values in rows. */
VECTOR_INLINE void pack_for_forward(const puna_attention_call *call, const puna_attention_tile *tile, int head, uint32_t *keys,
                                    uint32_t *values, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const int resident = attention->segments[tile->segment].resident, dimension = attention->head_dimension;
  pack_transposed(tile_rows(call, tile, head, attention->k, attention->resident_k, attention->k_stride, bf16),
                  resident ? attention->resident_stride : attention->k_stride, tile->count, padded_keys(tile),
                  pairs ? dimension / 2 : dimension, keys, bf16, pairs);
  pack_rows(tile_rows(call, tile, head, attention->v, attention->resident_v, attention->v_stride, bf16),
            resident ? attention->resident_stride : attention->v_stride, tile->count, padded_keys(tile), dimension, values, bf16, pairs);
}

VECTOR_INLINE void pack_tile(const puna_attention_call *call, long index, const int backward, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const puna_attention_tile *tile = &call->key_tiles[index / call->head_count];
  const int head = call->head_begin + (int)(index % call->head_count), dimension = attention->head_dimension;
  if (!backward) {
    pack_for_forward(call, tile, head, packed(call, head, 0, tile), packed(call, head, 1, tile), bf16, pairs);
    return;
  }
  const int words = pairs ? dimension / 2 : dimension, padded = padded_keys(tile);
  const void *k = tile_rows(call, tile, head, attention->k, NULL, attention->k_stride, bf16);
  const void *v = tile_rows(call, tile, head, attention->v, NULL, attention->v_stride, bf16);
  pack_transposed(k, attention->k_stride, tile->count, padded, words, packed(call, head, 0, tile), bf16, pairs);
  pack_rows(k, attention->k_stride, tile->count, padded, dimension, packed(call, head, 1, tile), bf16, pairs);
  pack_transposed(v, attention->v_stride, tile->count, padded, words, packed(call, head, 2, tile), bf16, pairs);
}

/* Keys of `keys` that the query at `position` of `query`'s segment sees. */
VECTOR_INLINE int visible_keys(const puna_attention_tile *keys, const puna_attention_tile *query, int position) {
  if (keys->segment != query->segment) return keys->count;
  const int seen = position - keys->first + 1;
  return seen < keys->count ? seen : keys->count;
}

/* Lanes below `limit` of x, `other` in the rest; lane 0 is column `first`. */
VECTOR_INLINE vfloat mask(vfloat x, int first, int limit, float other) {
  vint lane;
  for (int i = 0; i < VECTOR_FLOATS; ++i) lane[i] = i;
  return v_select(lane < limit - first, x, v_splat(other));
}

VECTOR_INLINE int any(vint condition) { return __builtin_reduce_or(condition) != 0; }

/* Probabilities as the left side of the product with the values, over the scores they come from. */
VECTOR_INLINE void store_probabilities(uint32_t *row, int v, vfloat p, const int pairs) {
#ifdef ISA_AVX512_BF16
  if (pairs) {
    const __m256bh narrow = _mm512_cvtneps_pbh(p);
    memcpy(row + v * (VECTOR_FLOATS / 2), &narrow, sizeof narrow);
    return;
  }
#else
  (void)pairs;
#endif
  memcpy(row + v * VECTOR_FLOATS, &p, sizeof p);
}

/* log2(e) · scale: the exponentials are powers of two. */
VECTOR_INLINE float base2_scale(const puna_attention *attention) { return (float)((double)attention->scale * 1.4426950408889634); }

/* One row of scores s becomes 2^(factor · (s − maximum)). Raises the maximum when the tile holds a greater score; returns the factor by
   which what was summed before must shrink. `sums` gathers the probabilities, lane by lane. */
VECTOR_INLINE float softmax_row(uint32_t *row, const int vectors, const int limit, float factor, float *maximum, float *sums,
                                const int pairs) {
  const int masked = limit < vectors * VECTOR_FLOATS;
  const float *scores = (const float *)row;
  vfloat greatest = v_splat(-INFINITY);
  for (int v = 0; v < vectors; ++v) {
    vfloat s = v_load(scores + v * VECTOR_FLOATS, VECTOR_FLOATS);
    if (masked) s = mask(s, v * VECTOR_FLOATS, limit, -INFINITY);
    greatest = v_max(s, greatest);
  }
  float shrink = 1;
  const float old = *maximum;
  if (any(greatest > old)) {
    *maximum = v_maximum(greatest);
    shrink = v_exp2(v_splat(old * factor - *maximum * factor))[0];
  }
  const float shift = *maximum * factor;
  vfloat sum = v_load(sums, VECTOR_FLOATS) * shrink;
  for (int v = 0; v < vectors; ++v) {
    vfloat p = v_exp2(v_load(scores + v * VECTOR_FLOATS, VECTOR_FLOATS) * factor - shift);
    if (masked) p = mask(p, v * VECTOR_FLOATS, limit, 0);
    sum += p;
    store_probabilities(row, v, p, pairs);
  }
  v_store(sums, sum, VECTOR_FLOATS);
  return shrink;
}

/* Stores scale · x [dimension] in the element type. */
VECTOR_INLINE void store_row(void *y, size_t at, const float *x, int dimension, float scale, const int bf16) {
#define STEP(i, lanes) v_store_element(y, at + (size_t)i, v_load(x + i, lanes) * scale, lanes, bf16)
  FOR_VECTORS(dimension, STEP);
#undef STEP
}

VECTOR_INLINE void forward_tile(const puna_attention_call *call, long index, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const puna_attention_tile *tile = &call->query_tiles[call->query_tile_count - 1 - index / call->head_count];
  const int head = call->head_begin + (int)(index % call->head_count), group = call->group, dimension = attention->head_dimension;
  const int rows = tile->count * group, padded_rows = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
  const int words = pairs ? dimension / 2 : dimension, dimension_vectors = (dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
  const size_t columns = puna_padded_dimension(dimension);
  /* Keys and values of a tile that nobody has packed. */
  uint32_t *const own = (uint32_t *)scratch, *const own_values = own + columns * PUNA_KEY_TILE;
  uint32_t *q = call->packs_in_tasks ? own_values + columns * PUNA_KEY_TILE : own, *scores = q + (size_t)padded_rows * columns;
  float *sum = (float *)(scores + (size_t)padded_rows * PUNA_KEY_TILE), *sums = sum + (size_t)padded_rows * columns;
  float *maxima = sums + (size_t)padded_rows * VECTOR_FLOATS;
  int *positions = (int *)(maxima + padded_rows);
  const float factor = base2_scale(attention);

  prefetch_stack(call, tile, head, attention->q, attention->q_stride, bf16);
  memset(sum, 0, (size_t)padded_rows * columns * sizeof(float));
  memset(sums, 0, (size_t)padded_rows * VECTOR_FLOATS * sizeof(float));
  for (int row = 0; row < rows; ++row) maxima[row] = -INFINITY;
  stack_positions(call, tile, padded_rows, positions);
  stack_rows(call, tile, head, attention->q, attention->q_stride, padded_rows, (size_t)words, q, bf16, pairs);

  const int last = tile->first + tile->count - 1;
  for (int s = tile->segment; s >= 0; s = attention->segments[s].parent) {
    for (int t = call->places[s].key_tile_begin; t < call->places[s + 1].key_tile_begin; ++t) {
      const puna_attention_tile *keys = &call->key_tiles[t];
      const int most = visible_keys(keys, tile, last), vectors = (most + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
      if (most <= 0) break;
      if (call->packs_in_tasks) pack_for_forward(call, keys, head, own, own_values, bf16, pairs);
      const uint32_t *packed_keys = call->packs_in_tasks ? own : packed(call, head, 0, keys);
      const uint32_t *packed_values = call->packs_in_tasks ? own_values : packed(call, head, 1, keys);
      product(padded_rows, vectors, words, q, (size_t)words, 1, packed_keys, (size_t)padded_keys(keys), (float *)scores, PUNA_KEY_TILE, 0,
              pairs);
      const int full = visible_keys(keys, tile, tile->first) == PUNA_KEY_TILE;
      for (int row = 0; row < rows; ++row) {
        uint32_t *at = scores + (size_t)row * PUNA_KEY_TILE;
        float *row_sums = sums + (size_t)row * VECTOR_FLOATS, shrink;
        if (full) {
          shrink = softmax_row(at, KEY_VECTORS, PUNA_KEY_TILE, factor, &maxima[row], row_sums, pairs);
        } else {
          const int limit = visible_keys(keys, tile, positions[row]);
          shrink = softmax_row(at, vectors, limit, factor, &maxima[row], row_sums, pairs);
        }
        if (shrink == 1) continue;
        float *o = sum + (size_t)row * columns;
        for (int v = 0; v < dimension_vectors; ++v) {
          v_store(o + v * VECTOR_FLOATS, v_load(o + v * VECTOR_FLOATS, VECTOR_FLOATS) * shrink, VECTOR_FLOATS);
        }
      }
      product(padded_rows, dimension_vectors, pairs ? vectors * VECTOR_FLOATS / 2 : most, scores, PUNA_KEY_TILE, 1,
              packed_values, columns, sum, columns, 1, pairs);
    }
  }

  for (int position = 0, row = 0; position < tile->count; ++position) {
    for (int h = head * group; h < (head + 1) * group; ++h, ++row) {
      const float total = v_total(v_load(sums + (size_t)row * VECTOR_FLOATS, VECTOR_FLOATS)), inverse = 1 / total;
      const size_t matrix_row = (size_t)(tile->begin + position);
      store_row(call->output, matrix_row * call->output_stride + (size_t)h * (size_t)dimension, sum + (size_t)row * columns, dimension,
                inverse, bf16);
      call->log_sum_exp[matrix_row * (size_t)attention->heads + (size_t)h] =
          (float)((double)(maxima[row] * factor) * 0.6931471805599453 + (double)logf(total));
    }
  }
  if (head + 1 < attention->key_value_heads) return;
  for (int row = tile->begin; row < tile->begin + tile->count; ++row) {
    v_zero_padding(call->output, (size_t)row * call->output_stride, attention->heads * dimension, bf16);
  }
}

#include "attention_backward.inc.h"

/* --- Instances --- */

#ifdef ISA_AVX512_BF16
#define PAIRS 1
#else
#define PAIRS 0
#endif
#define INSTANTIATE(name, ...)                                                                    \
  static void FN(name##_float32)(const puna_attention_call *call, long index, void *scratch) {    \
    (void)scratch;                                                                                \
    __VA_ARGS__(0, 0);                                                                            \
  }                                                                                               \
  static void FN(name##_bf16)(const puna_attention_call *call, long index, void *scratch) {       \
    (void)scratch;                                                                                \
    __VA_ARGS__(1, PAIRS);                                                                        \
  }                                                                                               \
  static void FN(name)(const puna_attention_call *call, long index, void *scratch) {              \
    (call->attention->bf16 ? FN(name##_bf16) : FN(name##_float32))(call, index, scratch);         \
  }
#define PACK_FORWARD(bf16, pairs) pack_tile(call, index, 0, bf16, pairs)
#define PACK_BACKWARD(bf16, pairs) pack_tile(call, index, 1, bf16, pairs)
#define FORWARD(bf16, pairs) forward_tile(call, index, scratch, bf16, pairs)
#define DELTA(bf16, pairs) delta_rows(call, index, bf16)
#define BACKWARD_QUERIES(bf16, pairs) backward_query_tile(call, index, scratch, bf16, pairs)
#define BACKWARD_KEYS(bf16, pairs) backward_key_block(call, index, scratch, bf16, pairs)
INSTANTIATE(attention_pack_forward, PACK_FORWARD)
INSTANTIATE(attention_pack_backward, PACK_BACKWARD)
INSTANTIATE(attention_forward, FORWARD)
INSTANTIATE(attention_delta, DELTA)
INSTANTIATE(attention_backward_queries, BACKWARD_QUERIES)
INSTANTIATE(attention_backward_keys, BACKWARD_KEYS)

const puna_attention_kernels FN(puna_attention_table) = {
    .pack_forward = FN(attention_pack_forward),
    .pack_backward = FN(attention_pack_backward),
    .forward = FN(attention_forward),
    .delta = FN(attention_delta),
    .backward_queries = FN(attention_backward_queries),
    .backward_keys = FN(attention_backward_keys),
};
