/* The tiles of attention.h, once per instruction set: FN(name) names them, VECTOR_FLOATS is the width.

   Matrices of scratch hold 32-bit words: floats, or (`pairs`) two bf16 that follow each other along the summed dimension, for the dot
   products of AVX512_BF16. All products are c[m, n] (+)= a[m, k] · b[k, n] in words: b with n contiguous, a read element by element, so that
   it may lie either way round. `bf16` is the element type of the operands; both are constants in every instance. */
#include <math.h>

#include "attention_kernels.h"
#include "vector.inc.h"

/* Rows and vectors of a product's register block: with AVX-512 16 sums keep both multipliers busy. */
#define BLOCK_ROWS 4
#ifdef ISA_AVX512
#define BLOCK_VECTORS 4
#else
#define BLOCK_VECTORS 2
#endif
#define KEY_VECTORS (PUNA_KEY_TILE / VECTOR_FLOATS)
_Static_assert(BLOCK_ROWS <= 8 && VECTOR_FLOATS % 4 == 0, "scratch and score tiles are padded for this");

VECTOR_INLINE vfloat multiply_add(vfloat sum, uint32_t a, vuint b, const int pairs) {
#ifdef ISA_AVX512_BF16
  if (pairs) return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#else
  (void)pairs;
#endif
  float factor;
  memcpy(&factor, &a, sizeof factor);
  return sum + factor * (vfloat)b;
}

VECTOR_INLINE void product_block(const int vectors, long k, const uint32_t *a, size_t a_row, size_t a_step, const uint32_t *b,
                                 size_t b_stride, float *c, size_t c_stride, const int accumulate, const int pairs) {
  vfloat sums[BLOCK_ROWS][BLOCK_VECTORS];
  for (int row = 0; row < BLOCK_ROWS; ++row) {
    for (int v = 0; v < vectors; ++v) {
      sums[row][v] = accumulate ? v_load(c + (size_t)row * c_stride + (size_t)v * VECTOR_FLOATS, VECTOR_FLOATS) : (vfloat){0};
    }
  }
  for (long i = 0; i < k; ++i, a += a_step, b += b_stride) {
    vuint column[BLOCK_VECTORS];
    memcpy(column, b, (size_t)vectors * sizeof(vuint));
    for (int row = 0; row < BLOCK_ROWS; ++row) {
      const uint32_t factor = a[(size_t)row * a_row];
      for (int v = 0; v < vectors; ++v) sums[row][v] = multiply_add(sums[row][v], factor, column[v], pairs);
    }
  }
  for (int row = 0; row < BLOCK_ROWS; ++row) {
    for (int v = 0; v < vectors; ++v) v_store(c + (size_t)row * c_stride + (size_t)v * VECTOR_FLOATS, sums[row][v], VECTOR_FLOATS);
  }
}

/* c[m, vectors · VECTOR_FLOATS] (+)= a · b; m is rounded up to whole blocks, which a and c must hold. */
VECTOR_INLINE void product(long m, int vectors, long k, const uint32_t *a, size_t a_row, size_t a_step, const uint32_t *b, size_t b_stride,
                           float *c, size_t c_stride, const int accumulate, const int pairs) {
  for (int first = 0; first < vectors; first += BLOCK_VECTORS) {
    const int left = vectors - first;
    const uint32_t *columns = b + (size_t)first * VECTOR_FLOATS;
    for (long row = 0; row < m; row += BLOCK_ROWS) {
      const uint32_t *rows = a + (size_t)row * a_row;
      float *to = c + (size_t)row * c_stride + (size_t)first * VECTOR_FLOATS;
#define BLOCK(count) product_block(count, k, rows, a_row, a_step, columns, b_stride, to, c_stride, accumulate, pairs)
      if (left >= BLOCK_VECTORS) {
        BLOCK(BLOCK_VECTORS);
      } else if (left == 1) {
        BLOCK(1);
      }
#if BLOCK_VECTORS > 2
      else if (left == 2) {
        BLOCK(2);
      } else {
        BLOCK(3);
      }
#endif
#undef BLOCK
    }
  }
}

/* --- Packing --- */

VECTOR_INLINE const void *element(const void *x, size_t index, const int bf16) {
  return (const char *)x + index * (bf16 ? sizeof(uint16_t) : sizeof(float));
}

typedef uint32_t quad __attribute__((vector_size(16)));

/* Words first ..< first + lanes of a row. */
VECTOR_INLINE quad load_quad(const void *row, int first, int lanes, const int bf16, const int pairs) {
  quad words = {0};
  if (!bf16 || pairs) {
    const char *from = (const char *)row + (size_t)first * sizeof(uint32_t);
    if (lanes >= 4) memcpy(&words, from, sizeof words);
    for (int lane = 0; lanes < 4 && lane < lanes; ++lane) memcpy((uint32_t *)&words + lane, from + 4 * lane, sizeof(uint32_t));
  } else {
    const uint16_t *from = (const uint16_t *)row + first;
    uint16_t elements[4] = {0, 0, 0, 0};
    if (lanes >= 4) memcpy(elements, from, sizeof elements);
    for (int lane = 0; lanes < 4 && lane < lanes; ++lane) elements[lane] = from[lane];
    typedef uint16_t short_quad __attribute__((vector_size(8)));
    short_quad narrow;
    memcpy(&narrow, elements, sizeof narrow);
    words = __builtin_convertvector(narrow, quad) << 16;
  }
  return words;
}

/* Rows of k or v, transposed: y[words, padded], with zero columns from `count` on. */
VECTOR_INLINE void pack_transposed(const void *x, size_t stride, int count, int padded, int words, uint32_t *y, const int bf16,
                                   const int pairs) {
  for (int row = 0; row < padded; row += 4) {
    for (int word = 0; word < words; word += 4) {
      const int lanes = words - word < 4 ? words - word : 4;
      quad r[4];
      for (int i = 0; i < 4; ++i) {
        r[i] = row + i < count ? load_quad(element(x, (size_t)(row + i) * stride, bf16), word, lanes, bf16, pairs) : (quad){0};
      }
      const quad low0 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), low1 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
      const quad high0 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), high1 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
      const quad columns[4] = {
          __builtin_shufflevector(low0, low1, 0, 1, 4, 5), __builtin_shufflevector(low0, low1, 2, 3, 6, 7),
          __builtin_shufflevector(high0, high1, 0, 1, 4, 5), __builtin_shufflevector(high0, high1, 2, 3, 6, 7)};
      for (int i = 0; i < lanes; ++i) memcpy(y + (size_t)(word + i) * (size_t)padded + (size_t)row, &columns[i], sizeof(quad));
    }
  }
}

/* One row as floats, or two as pairs (`second` may be NULL: zeros), zero from `dimension` up to `padded`. */
VECTOR_INLINE void pack_row(const void *first, const void *second, int dimension, size_t padded, uint32_t *y, const int bf16,
                            const int pairs) {
#define STEP(i, lanes)                                                        \
  vuint words;                                                                \
  if (pairs) {                                                                \
    vushort low = {0}, high = {0};                                            \
    v_copy(&low, (const uint16_t *)first + i, lanes, sizeof(uint16_t));       \
    if (second != NULL) v_copy(&high, (const uint16_t *)second + i, lanes, sizeof(uint16_t)); \
    words = __builtin_convertvector(low, vuint) | (__builtin_convertvector(high, vuint) << 16); \
  } else {                                                                    \
    words = v_bits(v_load_element(first, (size_t)i, lanes, bf16));            \
  }                                                                           \
  memcpy(y + i, &words, sizeof words)
  FOR_VECTORS(dimension, STEP);
#undef STEP
  const size_t written = ((size_t)dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS * VECTOR_FLOATS;
  if (written < padded) memset(y + written, 0, (padded - written) * sizeof(uint32_t));
}

/* Rows of k or v as the right side of a product: y[padded, dimension] or, in pairs, y[padded / 2, dimension]. */
VECTOR_INLINE void pack_rows(const void *x, size_t stride, int count, int padded, int dimension, uint32_t *y, const int bf16,
                             const int pairs) {
  const size_t columns = puna_padded_dimension(dimension);
  const int step = pairs ? 2 : 1;
  for (int row = 0; row < padded; row += step, y += columns) {
    if (row < count) {
      const void *second = row + 1 < count ? element(x, (size_t)(row + 1) * stride, bf16) : NULL;
      pack_row(element(x, (size_t)row * stride, bf16), second, dimension, columns, y, bf16, pairs);
    } else {
      memset(y, 0, columns * sizeof(uint32_t));
    }
  }
}

/* A query tile's stack: its positions one after the other, of each the query heads of key-value head `head`, which lie side by side. */
VECTOR_INLINE const void *stacked_heads(const puna_attention_call *call, const puna_attention_tile *tile, int head, int position,
                                        const void *x, size_t stride, const int bf16) {
  const size_t column = (size_t)head * (size_t)call->group * (size_t)call->attention->head_dimension;
  return element(x, (size_t)(tile->begin + position) * stride + column, bf16);
}

/* Rows of a matrix lie pages apart, where no hardware prefetcher follows: a stack is asked for before there is something else to do. */
VECTOR_INLINE void prefetch_stack(const puna_attention_call *call, const puna_attention_tile *tile, int head, const void *x, size_t stride,
                                  const int bf16) {
  const size_t bytes = (size_t)(call->group * call->attention->head_dimension) * (bf16 ? sizeof(uint16_t) : sizeof(float));
  for (int position = 0; position < tile->count; ++position) {
    const char *row = stacked_heads(call, tile, head, position, x, stride, bf16);
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(row + at, 0, 2);
  }
}

/* The stack as the left side of a product: y[rows, columns] words, rows of zeros up to `padded_rows`. */
VECTOR_INLINE void stack_rows(const puna_attention_call *call, const puna_attention_tile *tile, int head, const void *x, size_t stride,
                              int padded_rows, size_t columns, uint32_t *y, const int bf16, const int pairs) {
  const int dimension = call->attention->head_dimension;
  uint32_t *const end = y + (size_t)padded_rows * columns;
  for (int position = 0; position < tile->count; ++position) {
    const char *from = stacked_heads(call, tile, head, position, x, stride, bf16);
    for (int i = 0; i < call->group; ++i, y += columns, from = element(from, (size_t)dimension, bf16)) {
#define WORDS(i, lanes) v_copy(y + i, from + 4 * i, lanes, sizeof(uint32_t))
#define FLOATS(i, lanes) v_store((float *)y + i, v_load_element(from, (size_t)i, lanes, bf16), lanes)
      if (pairs) {
        FOR_VECTORS(dimension / 2, WORDS);
      } else {
        FOR_VECTORS(dimension, FLOATS);
        if ((size_t)dimension < columns) memset(y + dimension, 0, (columns - (size_t)dimension) * sizeof(uint32_t));
      }
#undef WORDS
#undef FLOATS
    }
  }
  if (y < end) memset(y, 0, (size_t)(end - y) * sizeof(uint32_t));
}

/* The stack as the right side of a product over its rows, in pairs of rows. */
VECTOR_INLINE void stack_pairs(const puna_attention_call *call, const puna_attention_tile *tile, int head, const void *x, size_t stride,
                               uint32_t *y) {
  const int dimension = call->attention->head_dimension;
  const size_t columns = puna_padded_dimension(dimension);
  const void *first = NULL;
  for (int position = 0; position < tile->count; ++position) {
    const char *from = stacked_heads(call, tile, head, position, x, stride, 1);
    for (int i = 0; i < call->group; ++i, from = element(from, (size_t)dimension, 1)) {
      if (first == NULL) {
        first = from;
      } else {
        pack_row(first, from, dimension, columns, y, 1, 1);
        y += columns;
        first = NULL;
      }
    }
  }
  if (first != NULL) pack_row(first, NULL, dimension, columns, y, 1, 1);
}

/* Position in the segment of each row of the stack; rows of padding get the last. */
VECTOR_INLINE void stack_positions(const puna_attention_call *call, const puna_attention_tile *tile, int padded_rows, int *positions) {
  int row = 0;
  for (int position = 0; position < tile->count; ++position) {
    for (int i = 0; i < call->group; ++i) positions[row++] = tile->first + position;
  }
  for (; row < padded_rows; ++row) positions[row] = tile->first + tile->count - 1;
}

/* --- Tiles --- */

/* Packed matrix `matrix` of a key tile. */
VECTOR_INLINE uint32_t *packed(const puna_attention_call *call, int head, int matrix, const puna_attention_tile *tile) {
  const size_t columns = puna_padded_dimension(call->attention->head_dimension);
  return call->packed + (size_t)(head - call->head_begin) * call->packed_head +
         ((size_t)matrix * (size_t)call->padded_rows + (size_t)tile->packed_row) * columns;
}
VECTOR_INLINE int padded_keys(const puna_attention_tile *tile) { return (tile->count + 15) & ~15; }

VECTOR_INLINE void pack_tile(const puna_attention_call *call, long index, const int backward, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const puna_attention_tile *tile = &call->key_tiles[index / call->head_count];
  const int head = call->head_begin + (int)(index % call->head_count), dimension = attention->head_dimension;
  const int words = pairs ? dimension / 2 : dimension, padded = padded_keys(tile);
  const int resident = attention->segments[tile->segment].resident;
  const size_t k_stride = resident ? attention->resident_stride : attention->k_stride;
  const size_t v_stride = resident ? attention->resident_stride : attention->v_stride;
  const size_t column = (size_t)head * (size_t)dimension;
  const void *k = element(resident ? attention->resident_k : attention->k, (size_t)tile->begin * k_stride + column, bf16);
  const void *v = element(resident ? attention->resident_v : attention->v, (size_t)tile->begin * v_stride + column, bf16);
  pack_transposed(k, k_stride, tile->count, padded, words, packed(call, head, 0, tile), bf16, pairs);
  if (backward) {
    pack_rows(k, k_stride, tile->count, padded, dimension, packed(call, head, 1, tile), bf16, pairs);
    pack_transposed(v, v_stride, tile->count, padded, words, packed(call, head, 2, tile), bf16, pairs);
  } else {
    pack_rows(v, v_stride, tile->count, padded, dimension, packed(call, head, 1, tile), bf16, pairs);
  }
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
  uint32_t *q = (uint32_t *)scratch, *scores = q + (size_t)padded_rows * columns;
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
      product(padded_rows, vectors, words, q, (size_t)words, 1, packed(call, head, 0, keys), (size_t)padded_keys(keys), (float *)scores,
              PUNA_KEY_TILE, 0, pairs);
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
              packed(call, head, 1, keys), columns, sum, columns, 1, pairs);
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

/* --- Backward (Dao et al.): p = exp(s − log_sum_exp), ds = p · (do · v − delta), dv = pᵀ do, dq = scale · ds k, dk = scale · dsᵀ q --- */

VECTOR_INLINE void delta_rows(const puna_attention_call *call, long index, const int bf16) {
  const puna_attention *attention = call->attention;
  const int begin = (int)index * PUNA_DELTA_ROWS, dimension = attention->head_dimension;
  const int end = begin + PUNA_DELTA_ROWS < attention->rows ? begin + PUNA_DELTA_ROWS : attention->rows;
  for (int row = begin; row < end; ++row) {
    for (int head = 0; head < attention->heads; ++head) {
      const size_t column = (size_t)head * (size_t)dimension;
      const void *o = element(call->saved_output, (size_t)row * call->output_stride + column, bf16);
      const void *d = element(call->d_output, (size_t)row * call->d_output_stride + column, bf16);
      vfloat sum = {0};
#define STEP(i, lanes) sum += v_load_element(o, (size_t)i, lanes, bf16) * v_load_element(d, (size_t)i, lanes, bf16)
      FOR_VECTORS(dimension, STEP);
#undef STEP
      call->delta[(size_t)row * (size_t)attention->heads + (size_t)head] = v_total(sum);
    }
  }
}

/* Statistics of a stack's rows, the logarithm in base 2; rows of padding get probability 0. */
VECTOR_INLINE void stack_statistics(const puna_attention_call *call, const puna_attention_tile *tile, int head, int padded_rows,
                                    float *log_sum_exp, float *delta) {
  const int group = call->group;
  int row = 0;
  for (int position = 0; position < tile->count; ++position) {
    const size_t at = (size_t)(tile->begin + position) * (size_t)call->attention->heads + (size_t)(head * group);
    for (int i = 0; i < group; ++i, ++row) {
      log_sum_exp[row] = call->log_sum_exp[at + (size_t)i] * 1.44269504088896341f;
      delta[row] = call->delta[at + (size_t)i];
    }
  }
  for (; row < padded_rows; ++row) {
    log_sum_exp[row] = INFINITY;
    delta[row] = 0;
  }
}

/* Probabilities and score gradients (without the scale) of one vector of a row. */
VECTOR_INLINE void score_gradient(const float *scores, const float *dp, int column, const int limit, float factor, float log_sum_exp,
                                  float delta, vfloat *p, vfloat *ds) {
  *p = v_exp2(v_load(scores + column, VECTOR_FLOATS) * factor - log_sum_exp);
  *ds = *p * (v_load(dp + column, VECTOR_FLOATS) - delta);
  if (limit < column + VECTOR_FLOATS) {
    *p = mask(*p, column, limit, 0);
    *ds = mask(*ds, column, limit, 0);
  }
}

/* Score gradients of a row as the left side of the product with the keys, over the scores they come from. */
VECTOR_INLINE void score_gradient_row(uint32_t *row, const float *dp, const int vectors, const int limit, float factor, float log_sum_exp,
                                      float delta, const int pairs) {
  for (int v = 0; v < vectors; ++v) {
    vfloat p, ds;
    score_gradient((const float *)row, dp, v * VECTOR_FLOATS, limit, factor, log_sum_exp, delta, &p, &ds);
    store_probabilities(row, v, ds, pairs);
  }
}

VECTOR_INLINE void backward_query_tile(const puna_attention_call *call, long index, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const puna_attention_tile *tile = &call->query_tiles[call->query_tile_count - 1 - index / call->head_count];
  const int head = call->head_begin + (int)(index % call->head_count), group = call->group, dimension = attention->head_dimension;
  const int rows = tile->count * group, padded_rows = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
  const int words = pairs ? dimension / 2 : dimension, dimension_vectors = (dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
  const size_t columns = puna_padded_dimension(dimension);
  uint32_t *q = (uint32_t *)scratch, *d_output = q + (size_t)padded_rows * columns, *scores = d_output + (size_t)padded_rows * columns;
  float *dp = (float *)(scores + (size_t)padded_rows * PUNA_KEY_TILE), *dq = dp + (size_t)padded_rows * PUNA_KEY_TILE;
  float *log_sum_exp = dq + (size_t)padded_rows * columns, *delta = log_sum_exp + padded_rows;
  int *positions = (int *)(delta + padded_rows);
  const float factor = base2_scale(attention);

  prefetch_stack(call, tile, head, attention->q, attention->q_stride, bf16);
  prefetch_stack(call, tile, head, call->d_output, call->d_output_stride, bf16);
  memset(dq, 0, (size_t)padded_rows * columns * sizeof(float));
  stack_rows(call, tile, head, attention->q, attention->q_stride, padded_rows, (size_t)words, q, bf16, pairs);
  stack_rows(call, tile, head, call->d_output, call->d_output_stride, padded_rows, (size_t)words, d_output, bf16, pairs);
  stack_statistics(call, tile, head, padded_rows, log_sum_exp, delta);
  stack_positions(call, tile, padded_rows, positions);

  const int last = tile->first + tile->count - 1;
  for (int s = tile->segment; s >= 0; s = attention->segments[s].parent) {
    for (int t = call->places[s].key_tile_begin; t < call->places[s + 1].key_tile_begin; ++t) {
      const puna_attention_tile *keys = &call->key_tiles[t];
      const int most = visible_keys(keys, tile, last), vectors = (most + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
      if (most <= 0) break;
      const size_t key_columns = (size_t)padded_keys(keys);
      product(padded_rows, vectors, words, q, (size_t)words, 1, packed(call, head, 0, keys), key_columns, (float *)scores, PUNA_KEY_TILE, 0,
              pairs);
      product(padded_rows, vectors, words, d_output, (size_t)words, 1, packed(call, head, 2, keys), key_columns, dp, PUNA_KEY_TILE, 0,
              pairs);
      const int full = visible_keys(keys, tile, tile->first) == PUNA_KEY_TILE;
      for (int row = 0; row < padded_rows; ++row) {
        uint32_t *at = scores + (size_t)row * PUNA_KEY_TILE;
        const float *row_dp = dp + (size_t)row * PUNA_KEY_TILE;
        if (full) {
          score_gradient_row(at, row_dp, KEY_VECTORS, PUNA_KEY_TILE, factor, log_sum_exp[row], delta[row], pairs);
        } else {
          const int limit = visible_keys(keys, tile, positions[row]);
          score_gradient_row(at, row_dp, vectors, limit, factor, log_sum_exp[row], delta[row], pairs);
        }
      }
      product(padded_rows, dimension_vectors, pairs ? vectors * VECTOR_FLOATS / 2 : most, scores, PUNA_KEY_TILE, 1,
              packed(call, head, 1, keys), columns, dq, columns, 1, pairs);
    }
  }
  for (int position = 0, row = 0; position < tile->count; ++position) {
    for (int h = head * group; h < (head + 1) * group; ++h, ++row) {
      store_row(call->dq, (size_t)(tile->begin + position) * call->dq_stride + (size_t)h * (size_t)dimension, dq + (size_t)row * columns,
                dimension, attention->scale, bf16);
    }
  }
}

/* Two rows of probabilities as the transposed left side of a product over the rows: in pairs one word a column, else as they are. */
VECTOR_INLINE void store_row_pair(uint32_t *first, size_t pair_row, int v, vfloat p0, vfloat p1, const int pairs) {
#ifdef ISA_AVX512_BF16
  if (pairs) {
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(p1, p0);
    const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
                                                3, 18, 2, 17, 1, 16, 0);
    const __m512i words = _mm512_permutexvar_epi16(interleave, both);
    memcpy(first + pair_row * PUNA_KEY_TILE + (size_t)v * VECTOR_FLOATS, &words, sizeof words);
    return;
  }
#else
  (void)pairs;
#endif
  float *to = (float *)first + 2 * pair_row * PUNA_KEY_TILE + (size_t)v * VECTOR_FLOATS;
  v_store(to, p0, VECTOR_FLOATS);
  v_store(to + PUNA_KEY_TILE, p1, VECTOR_FLOATS);
}

/* Two rows of probabilities and score gradients, over the scores and products they come from: a pair lies at or before its rows. */
VECTOR_INLINE void score_gradient_pair(uint32_t *scores, uint32_t *dp, int row, const int vectors, const int limit0, const int limit1,
                                       float factor, const float *log_sum_exp, const float *delta, const int pairs) {
  const float *s = (const float *)scores + (size_t)row * PUNA_KEY_TILE, *d = (const float *)dp + (size_t)row * PUNA_KEY_TILE;
  for (int v = 0; v < vectors; ++v) {
    vfloat p[2], ds[2];
    score_gradient(s, d, v * VECTOR_FLOATS, limit0, factor, log_sum_exp[row], delta[row], &p[0], &ds[0]);
    score_gradient(s + PUNA_KEY_TILE, d + PUNA_KEY_TILE, v * VECTOR_FLOATS, limit1, factor, log_sum_exp[row + 1], delta[row + 1], &p[1],
                   &ds[1]);
    store_row_pair(scores, (size_t)row / 2, v, p[0], p[1], pairs);
    store_row_pair(dp, (size_t)row / 2, v, ds[0], ds[1], pairs);
  }
}

/* Adds one query tile's part to dk and dv [key tile, row, dimension] of the key tiles from `first` on. */
VECTOR_INLINE void add_query_tile(const puna_attention_call *call, int first, int end, const puna_attention_tile *tile, int head, float *dk,
                                  float *dv, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const int group = call->group, dimension = attention->head_dimension;
  const int rows = tile->count * group, padded_rows = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
  const size_t columns = puna_padded_dimension(dimension), stack = (size_t)padded_rows * columns;
  const int words = pairs ? dimension / 2 : dimension, dimension_vectors = (dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
  uint32_t *q = (uint32_t *)scratch, *d_output = q + stack, *q_pairs = d_output + stack, *d_output_pairs = q_pairs + stack;
  uint32_t *scores = d_output_pairs + stack, *dp = scores + (size_t)padded_rows * PUNA_KEY_TILE;
  float *log_sum_exp = (float *)(dp + (size_t)padded_rows * PUNA_KEY_TILE), *delta = log_sum_exp + padded_rows;
  int *positions = (int *)(delta + padded_rows);
  const float factor = base2_scale(attention);

  /* As floats one copy serves both sides. */
  const size_t left_columns = pairs ? (size_t)words : columns;
  stack_rows(call, tile, head, attention->q, attention->q_stride, padded_rows, left_columns, q, bf16, pairs);
  stack_rows(call, tile, head, call->d_output, call->d_output_stride, padded_rows, left_columns, d_output, bf16, pairs);
  if (pairs) {
    stack_pairs(call, tile, head, attention->q, attention->q_stride, q_pairs);
    stack_pairs(call, tile, head, call->d_output, call->d_output_stride, d_output_pairs);
  }
  stack_statistics(call, tile, head, padded_rows, log_sum_exp, delta);
  stack_positions(call, tile, padded_rows, positions);

  for (int t = first; t < end; ++t, dk += PUNA_KEY_TILE * columns, dv += PUNA_KEY_TILE * columns) {
    const puna_attention_tile *keys = &call->key_tiles[t];
    const int most = visible_keys(keys, tile, tile->first + tile->count - 1), vectors = (most + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
    if (most <= 0) return;
    const size_t key_columns = (size_t)padded_keys(keys);
    product(padded_rows, vectors, words, q, left_columns, 1, packed(call, head, 0, keys), key_columns, (float *)scores, PUNA_KEY_TILE, 0,
            pairs);
    product(padded_rows, vectors, words, d_output, left_columns, 1, packed(call, head, 2, keys), key_columns, (float *)dp, PUNA_KEY_TILE, 0,
            pairs);
    const int full = visible_keys(keys, tile, tile->first) == PUNA_KEY_TILE;
    for (int row = 0; row < padded_rows; row += 2) {
      if (full) {
        score_gradient_pair(scores, dp, row, KEY_VECTORS, PUNA_KEY_TILE, PUNA_KEY_TILE, factor, log_sum_exp, delta, pairs);
      } else {
        const int limit0 = visible_keys(keys, tile, positions[row]);
        const int limit1 = visible_keys(keys, tile, positions[row + 1]);
        score_gradient_pair(scores, dp, row, vectors, limit0, limit1, factor, log_sum_exp, delta, pairs);
      }
    }
    const long k = pairs ? (rows + 1) / 2 : rows;
    product(most, dimension_vectors, k, scores, 1, PUNA_KEY_TILE, pairs ? d_output_pairs : d_output, columns, dv, columns, 1, pairs);
    product(most, dimension_vectors, k, dp, 1, PUNA_KEY_TILE, pairs ? q_pairs : q, columns, dk, columns, 1, pairs);
  }
}

VECTOR_INLINE void backward_key_block(const puna_attention_call *call, long index, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const int head = call->head_begin + (int)(index % call->head_count), dimension = attention->head_dimension;
  const int first = call->key_blocks[index / call->head_count];
  const puna_attention_place *place = &call->places[call->key_tiles[first].segment];
  const int end = first + PUNA_KEY_BLOCK < place[1].key_tile_begin ? first + PUNA_KEY_BLOCK : place[1].key_tile_begin;
  const size_t columns = puna_padded_dimension(dimension), block = (size_t)(end - first) * PUNA_KEY_TILE * columns;
  float *dk = scratch, *dv = dk + block;
  scratch = dv + block;

  /* The own segment's query tiles from the diagonal on, then the descendants'. */
  int t = place->query_tile_begin + call->key_tiles[first].first / call->query_tile, t_end = place[1].query_tile_begin;
  int descendant = place->descendant_begin;
  prefetch_stack(call, &call->query_tiles[t], head, attention->q, attention->q_stride, bf16);
  prefetch_stack(call, &call->query_tiles[t], head, call->d_output, call->d_output_stride, bf16);
  memset(dk, 0, 2 * block * sizeof(float));
  while (t < t_end) {
    const puna_attention_tile *tile = &call->query_tiles[t++];
    while (t == t_end && descendant < place[1].descendant_begin) {
      const puna_attention_place *next = &call->places[call->descendants[descendant++]];
      t = next->query_tile_begin;
      t_end = next[1].query_tile_begin;
    }
    if (t < t_end) {
      prefetch_stack(call, &call->query_tiles[t], head, attention->q, attention->q_stride, bf16);
      prefetch_stack(call, &call->query_tiles[t], head, call->d_output, call->d_output_stride, bf16);
    }
    add_query_tile(call, first, end, tile, head, dk, dv, scratch, bf16, pairs);
  }
  for (int t = first; t < end; ++t, dk += PUNA_KEY_TILE * columns, dv += PUNA_KEY_TILE * columns) {
    const puna_attention_tile *keys = &call->key_tiles[t];
    for (int row = 0; row < keys->count; ++row) {
      const size_t column = (size_t)head * (size_t)dimension, matrix_row = (size_t)(keys->begin + row);
      store_row(call->dk, matrix_row * call->dk_stride + column, dk + (size_t)row * columns, dimension, attention->scale, bf16);
      store_row(call->dv, matrix_row * call->dv_stride + column, dv + (size_t)row * columns, dimension, 1, bf16);
    }
  }
}

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
