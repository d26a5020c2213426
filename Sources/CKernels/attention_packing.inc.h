/* Register blocks and packing of attention's tiles; part of attention.inc.h. */
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

/* A block of VECTOR_FLOATS rows and words; rows from `count` on are zero. */
VECTOR_INLINE void pack_transposed_block(const void *x, size_t stride, int count, int padded, int word, uint32_t *y, const int bf16,
                                         const int pairs) {
  gemm_units rows[VECTOR_FLOATS];
  for (int i = 0; i < VECTOR_FLOATS; ++i) {
    const char *row = element(x, (size_t)i * stride, bf16);
    const int narrow = bf16 && !pairs;
    rows[i] = i >= count ? (gemm_units){0}
                         : (gemm_units)FN(widen)(row + (size_t)word * (narrow ? 2 : 4), narrow ? PUNA_BFLOAT16 : PUNA_FLOAT32);
  }
  FN(store_transposed)(rows, y + (size_t)word * (size_t)padded, padded);
}

/* Rows of k or v, transposed: y[words, padded], with zero columns from `count` on. */
VECTOR_INLINE void pack_transposed(const void *x, size_t stride, int count, int padded, int words, uint32_t *y, const int bf16,
                                   const int pairs) {
  const int whole = words / VECTOR_FLOATS * VECTOR_FLOATS;
  for (int row = 0; row < padded; row += VECTOR_FLOATS) {
    const void *from = element(x, (size_t)row * stride, bf16);
    for (int word = 0; word < whole; word += VECTOR_FLOATS)
      pack_transposed_block(from, stride, count - row, padded, word, y + row, bf16, pairs);
  }
  for (int row = 0; row < padded; row += 4) {
    for (int word = whole; word < words; word += 4) {
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
