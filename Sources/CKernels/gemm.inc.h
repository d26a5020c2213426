/* Packing, micro-kernels and epilogue of the product (see gemm_kernels.h), written once for every instruction set. */
#define GEMM_INLINE static inline __attribute__((always_inline))

typedef float gemm_vector __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef float gemm_loose_vector __attribute__((vector_size(4 * VECTOR_FLOATS), aligned(4), may_alias));
typedef uint32_t gemm_units __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef uint32_t gemm_loose_units __attribute__((vector_size(4 * VECTOR_FLOATS), aligned(1), may_alias));
typedef uint16_t gemm_halves __attribute__((vector_size(2 * VECTOR_FLOATS)));
typedef uint16_t gemm_loose_halves __attribute__((vector_size(2 * VECTOR_FLOATS), aligned(1), may_alias));

typedef uint16_t gemm_wide_halves __attribute__((vector_size(4 * VECTOR_FLOATS), aligned(1), may_alias));

/* MARK: - Widening and rounding */

/* VECTOR_FLOATS elements as float32. */
GEMM_INLINE gemm_vector FN(widen)(const void *source, puna_dtype dtype) {
  if (dtype == PUNA_FLOAT32) return (gemm_vector)*(const gemm_loose_units *)source;
  gemm_halves halves = *(const gemm_loose_halves *)source;
  if (dtype == PUNA_BFLOAT16) return (gemm_vector)(__builtin_convertvector(halves, gemm_units) << 16);
#if defined(ISA_AVX512)
  return (gemm_vector)_mm512_cvtph_ps((__m256i)halves);
#elif defined(ISA_AVX2)
  return (gemm_vector)_mm256_cvtph_ps((__m128i)halves);
#else
  gemm_vector values;
  for (int i = 0; i < VECTOR_FLOATS; i++) values[i] = puna_float_of_half(halves[i]);
  return values;
#endif
}

/* Rounded to nearest even bf16, one in the low half of each unit; NaN stays NaN. */
GEMM_INLINE gemm_units FN(round_to_bf16)(gemm_vector values) {
#if defined(ISA_AVX512_BF16)
  return __builtin_convertvector((gemm_halves)_mm512_cvtneps_pbh((__m512)values), gemm_units);
#else
  gemm_units bits = (gemm_units)values;
  gemm_units rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  gemm_units is_nan = (gemm_units)((bits & 0x7fffffff) > 0x7f800000);
  return (is_nan & (bits >> 16 | 0x40)) | (~is_nan & rounded);
#endif
}

/* VECTOR_FLOATS elements as bf16, one in the low half of each unit. */
GEMM_INLINE gemm_units FN(load_bf16)(const void *source, puna_dtype dtype) {
  if (dtype == PUNA_BFLOAT16) return __builtin_convertvector((gemm_halves)*(const gemm_loose_halves *)source, gemm_units);
  return FN(round_to_bf16)(FN(widen)(source, dtype));
}

/* A vector of units along k: VECTOR_FLOATS floats, or as many pairs of bf16. */
GEMM_INLINE gemm_units FN(load_units)(int bf16, const char *source, puna_dtype dtype) {
  if (!bf16) return (gemm_units)FN(widen)(source, dtype);
  if (dtype == PUNA_BFLOAT16) return *(const gemm_loose_units *)source;
#if defined(ISA_AVX512_BF16)
  const size_t half = VECTOR_FLOATS * (dtype == PUNA_FLOAT32 ? 4 : 2);
  return (gemm_units)_mm512_cvtne2ps_pbh((__m512)FN(widen)(source + half, dtype), (__m512)FN(widen)(source, dtype));
#else
  return (gemm_units){0};
#endif
}

/* MARK: - Packing */

/* Exchanges the off-diagonal lanes of two vectors at distance 1, 2, 4 or 8: one step of a transpose (Eklundh 1972). */
#if VECTOR_FLOATS == 16
#define GEMM_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define GEMM_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define GEMM_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define GEMM_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define GEMM_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define GEMM_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define GEMM_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define GEMM_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#elif VECTOR_FLOATS == 8
#define GEMM_LOW_1 0, 8, 2, 10, 4, 12, 6, 14
#define GEMM_HIGH_1 1, 9, 3, 11, 5, 13, 7, 15
#define GEMM_LOW_2 0, 1, 8, 9, 4, 5, 12, 13
#define GEMM_HIGH_2 2, 3, 10, 11, 6, 7, 14, 15
#define GEMM_LOW_4 0, 1, 2, 3, 8, 9, 10, 11
#define GEMM_HIGH_4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define GEMM_LOW_1 0, 4, 2, 6
#define GEMM_HIGH_1 1, 5, 3, 7
#define GEMM_LOW_2 0, 1, 4, 5
#define GEMM_HIGH_2 2, 3, 6, 7
#endif
#define GEMM_EXCHANGE(distance)                                                                  \
  _Pragma("clang loop unroll(full)") for (int i = 0; i < VECTOR_FLOATS; i++) {                   \
    if (i & distance) continue;                                                                  \
    gemm_units low = __builtin_shufflevector(v[i], v[i + distance], GEMM_LOW_##distance);        \
    gemm_units high = __builtin_shufflevector(v[i], v[i + distance], GEMM_HIGH_##distance);      \
    v[i] = low;                                                                                  \
    v[i + distance] = high;                                                                      \
  }

GEMM_INLINE void FN(store_transposed)(gemm_units v[VECTOR_FLOATS], uint32_t *panel, int width) {
  GEMM_EXCHANGE(1)
  GEMM_EXCHANGE(2)
#if VECTOR_FLOATS >= 8
  GEMM_EXCHANGE(4)
#endif
#if VECTOR_FLOATS >= 16
  GEMM_EXCHANGE(8)
#endif
  _Pragma("clang loop unroll(full)") for (int i = 0; i < VECTOR_FLOATS; i++) *(gemm_units *)(panel + (size_t)i * width) = v[i];
}

/* Elements of `rows` rows that lie apart, transposed into the panel; the last vector of units may be short. */
GEMM_INLINE void FN(pack_run)(int bf16, puna_dtype dtype, const char *const rows[VECTOR_FLOATS], int elements, int width, uint32_t *panel) {
  const int block = bf16 ? 2 * VECTOR_FLOATS : VECTOR_FLOATS;
  const size_t size = dtype == PUNA_FLOAT32 ? 4 : 2;
  int done = 0;
  for (; done + block <= elements; done += block, panel += (size_t)VECTOR_FLOATS * width) {
    gemm_units v[VECTOR_FLOATS];
    _Pragma("clang loop unroll(full)") for (int i = 0; i < VECTOR_FLOATS; i++)
        v[i] = FN(load_units)(bf16, rows[i] + (size_t)done * size, dtype);
    FN(store_transposed)(v, panel, width);
  }
  if (done == elements) return;
  gemm_units v[VECTOR_FLOATS];
  for (int i = 0; i < VECTOR_FLOATS; i++) {
    char padded[8 * VECTOR_FLOATS] = {0};
    memcpy(padded, rows[i] + (size_t)done * size, (size_t)(elements - done) * size);
    v[i] = FN(load_units)(bf16, padded, dtype);
  }
  FN(store_transposed)(v, panel, width);
}

/* op(w) = wᵀ: columns of the product are rows of the weight. */
GEMM_INLINE void FN(pack_rows)(int bf16, const puna_weight *weight, int column, int columns, int k_begin, int k_end, int width,
                               uint32_t *panel) {
  const int block = bf16 ? 2 * VECTOR_FLOATS : VECTOR_FLOATS;
  for (int lane = 0; lane < columns; lane += VECTOR_FLOATS) {
    int first = column + lane;
    int count = columns - lane < VECTOR_FLOATS ? columns - lane : VECTOR_FLOATS;
    for (int k = k_begin; k < k_end;) {
      uint32_t *target = panel + (size_t)((k - k_begin) / (bf16 ? 2 : 1)) * width + lane;
      const puna_segment *segment = puna_find_segment(weight, first, k);
      int end = segment->column_begin + segment->column_count;
      end = end >= k_end ? k_end : k_begin + (end - k_begin) / block * block;
      if (end > k && first + count <= segment->row_begin + segment->row_count) {
        /* Lanes beyond the last column repeat it: nobody reads them. */
        const char *rows[VECTOR_FLOATS];
        for (int i = 0; i < VECTOR_FLOATS; i++) rows[i] = puna_segment_address(segment, first + (i < count ? i : count - 1), k);
        if (segment->dtype == PUNA_BFLOAT16) FN(pack_run)(bf16, PUNA_BFLOAT16, rows, end - k, width, target);
        else if (segment->dtype == PUNA_FLOAT16) FN(pack_run)(bf16, PUNA_FLOAT16, rows, end - k, width, target);
        else FN(pack_run)(bf16, PUNA_FLOAT32, rows, end - k, width, target);
        k = end;
        continue;
      }
      /* A block that segments share is gathered element by element. */
      float gathered[VECTOR_FLOATS][2 * VECTOR_FLOATS] = {{0}};
      const char *rows[VECTOR_FLOATS];
      int elements = k_end - k < block ? k_end - k : block;
      for (int i = 0; i < VECTOR_FLOATS; i++) {
        rows[i] = (const char *)gathered[i];
        for (int j = 0; j < elements && i < count; j++) {
          segment = puna_find_segment(weight, first + i, k + j);
          gathered[i][j] = puna_element(puna_segment_address(segment, first + i, k + j), segment->dtype);
        }
      }
      FN(pack_run)(bf16, PUNA_FLOAT32, rows, block, width, target);
      k += block;
    }
  }
}

/* Elements i, i + 1, ... of two vectors of halves, side by side. */
#if VECTOR_FLOATS == 16
#define GEMM_PAIRS(i) GEMM_PAIRS_8(i), GEMM_PAIRS_8(i + 8)
#elif VECTOR_FLOATS == 8
#define GEMM_PAIRS(i) GEMM_PAIRS_8(i)
#else
#define GEMM_PAIRS(i) GEMM_PAIRS_4(i)
#endif
#define GEMM_PAIRS_8(i) GEMM_PAIRS_4(i), GEMM_PAIRS_4(i + 4)
#define GEMM_PAIRS_4(i) GEMM_PAIR(i), GEMM_PAIR(i + 1), GEMM_PAIR(i + 2), GEMM_PAIR(i + 3)
#define GEMM_PAIR(i) i, i + 2 * VECTOR_FLOATS

/* Two rows of a weight side by side in pairs, or one row of floats. */
GEMM_INLINE void FN(pack_pair)(int bf16, puna_dtype dtype, const char *even, const char *odd, int columns, uint32_t *panel) {
  const size_t size = dtype == PUNA_FLOAT32 ? 4 : 2;
  int lane = 0;
  if (bf16 && dtype == PUNA_BFLOAT16 && odd)
    for (; lane + 2 * VECTOR_FLOATS <= columns; lane += 2 * VECTOR_FLOATS) {
      gemm_wide_halves a = *(const gemm_wide_halves *)(even + (size_t)lane * 2), b = *(const gemm_wide_halves *)(odd + (size_t)lane * 2);
      *(gemm_wide_halves *)(panel + lane) = __builtin_shufflevector(a, b, GEMM_PAIRS(0));
      *(gemm_wide_halves *)(panel + lane + VECTOR_FLOATS) = __builtin_shufflevector(a, b, GEMM_PAIRS(VECTOR_FLOATS));
    }
  for (; lane < columns; lane += VECTOR_FLOATS) {
    const char *sources[2] = {even + (size_t)lane * size, odd ? odd + (size_t)lane * size : NULL};
    char padded[2][4 * VECTOR_FLOATS];
    if (columns - lane < VECTOR_FLOATS)
      for (int i = 0; i < 2; i++)
        if (sources[i]) sources[i] = memcpy(padded[i], sources[i], (size_t)(columns - lane) * size);
    gemm_units units;
    if (bf16) {
      units = FN(load_bf16)(sources[0], dtype);
      if (odd) units |= FN(load_bf16)(sources[1], dtype) << 16;
    } else {
      units = (gemm_units)FN(widen)(sources[0], dtype);
    }
    *(gemm_units *)(panel + lane) = units;
  }
}

/* How many rows ahead of their use weights are fetched: they often lie a power of two apart, where caches hold few of them. */
enum { FN(rows_ahead) = 8 };

GEMM_INLINE void FN(fetch_row)(const char *row, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i, 0, 3);
  __builtin_prefetch(row + bytes - 1, 0, 3);
}

GEMM_INLINE void FN(pack_pairs)(int bf16, const puna_segment *segment, puna_dtype dtype, int column, int columns, int k_begin, int k_end,
                                int width, uint32_t *panel) {
  const int step = bf16 ? 2 : 1;
  for (int k = k_begin; k < k_end; k += step, panel += width) {
    for (int i = 0; i < step; i++)
      if (k + i + FN(rows_ahead) < k_end)
        FN(fetch_row)(puna_segment_address(segment, k + i + FN(rows_ahead), column), (size_t)columns * (dtype == PUNA_FLOAT32 ? 4 : 2));
    FN(pack_pair)(bf16, dtype, puna_segment_address(segment, k, column),
                  bf16 && k + 1 < k_end ? puna_segment_address(segment, k + 1, column) : NULL, columns, panel);
  }
}

/* op(w) = w: columns of the product are columns of the weight. */
GEMM_INLINE void FN(pack_columns)(int bf16, const puna_weight *weight, int column, int columns, int k_begin, int k_end, int width,
                                  uint32_t *panel) {
  const int step = bf16 ? 2 : 1;
  for (int k = k_begin; k < k_end;) {
    uint32_t *target = panel + (size_t)((k - k_begin) / step) * width;
    const puna_segment *segment = puna_find_segment(weight, k, column);
    int end = segment->row_begin + segment->row_count;
    end = end >= k_end ? k_end : k_begin + (end - k_begin) / step * step;
    if (end > k && column + columns <= segment->column_begin + segment->column_count) {
      if (segment->dtype == PUNA_BFLOAT16) FN(pack_pairs)(bf16, segment, PUNA_BFLOAT16, column, columns, k, end, width, target);
      else if (segment->dtype == PUNA_FLOAT16) FN(pack_pairs)(bf16, segment, PUNA_FLOAT16, column, columns, k, end, width, target);
      else FN(pack_pairs)(bf16, segment, PUNA_FLOAT32, column, columns, k, end, width, target);
      k = end;
      continue;
    }
    float gathered[2][PUNA_PANEL_COLUMNS];
    for (int i = 0; i < step && k + i < k_end; i++)
      for (int j = 0; j < columns; j++) {
        segment = puna_find_segment(weight, k + i, column + j);
        gathered[i][j] = puna_element(puna_segment_address(segment, k + i, column + j), segment->dtype);
      }
    FN(pack_pair)(bf16, PUNA_FLOAT32, (const char *)gathered[0], bf16 && k + 1 < k_end ? (const char *)gathered[1] : NULL, columns, target);
    k += step;
  }
}

static void FN(pack)(int bf16, const puna_weight *weight, int transposed, int column, int columns, int k_begin, int k_end, int width,
                     uint32_t *panel) {
#if defined(ISA_AVX512_BF16)
  if (bf16) {
    if (transposed) FN(pack_columns)(1, weight, column, columns, k_begin, k_end, width, panel);
    else FN(pack_rows)(1, weight, column, columns, k_begin, k_end, width, panel);
    return;
  }
#endif
  (void)bf16;
  if (transposed) FN(pack_columns)(0, weight, column, columns, k_begin, k_end, width, panel);
  else FN(pack_rows)(0, weight, column, columns, k_begin, k_end, width, panel);
}

/* MARK: - Micro-kernels */

GEMM_INLINE gemm_vector FN(multiply_add)(int bf16, gemm_vector sum, gemm_vector a, gemm_vector b) {
#if defined(ISA_AVX512_BF16)
  if (bf16) return (gemm_vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  (void)bf16;
  return sum + a * b;
}

/* A tile of rows x vectors; both are constants where this is inlined, and the sums then live in registers. */
GEMM_INLINE void FN(tile)(int bf16, const int rows, const int vectors, const puna_gemm_strip *strips, int n_strips, long row,
                          const uint32_t *panel, float *tile, int continued, const puna_gemm_fetch *fetch) {
  gemm_vector sums[16][PUNA_TILE_VECTORS];
  _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++)
      _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++)
          sums[r][v] = continued ? *(gemm_loose_vector *)(tile + (r * vectors + v) * VECTOR_FLOATS) : (gemm_vector){0};
  const char *next = fetch->next;
  size_t step = fetch->step;
  for (int s = 0; s < n_strips; s++) {
    size_t stride = strips[s].stride;
    const char *x = strips[s].x + (size_t)row * stride;
    for (long left = strips[s].units; left > 0; left -= 16) {
      /* A line of x holds sixteen units: fetch that of the rows that the next tile will multiply. */
      _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) __builtin_prefetch(x + (size_t)(rows + r) * stride, 0, 2);
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 3; i++) __builtin_prefetch(next + 64 * i, 0, 2);
      next += step;
      for (long unit = left < 16 ? left : 16; unit > 0; unit--) {
        gemm_vector b[PUNA_TILE_VECTORS];
        _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++) b[v] = *(const gemm_loose_vector *)(panel + v * VECTOR_FLOATS);
        _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) {
          uint32_t units;
          memcpy(&units, x + (size_t)r * stride, 4);
          gemm_vector a = (gemm_vector)((gemm_units){0} + units);
          _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++) sums[r][v] = FN(multiply_add)(bf16, sums[r][v], a, b[v]);
        }
        x += 4;
        panel += vectors * VECTOR_FLOATS;
      }
    }
  }
  _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++)
      _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++)
          *(gemm_loose_vector *)(tile + (r * vectors + v) * VECTOR_FLOATS) = sums[r][v];
}

#define GEMM_TILE(rows, vectors) \
  case (vectors) * 16 + (rows): FN(tile)(bf16, rows, vectors, strips, n_strips, row, panel, tile, continued, fetch); return;
#define GEMM_TILES_6(v) GEMM_TILE(1, v) GEMM_TILE(2, v) GEMM_TILE(3, v) GEMM_TILE(4, v) GEMM_TILE(5, v) GEMM_TILE(6, v)
#define GEMM_TILES_8(v) GEMM_TILES_6(v) GEMM_TILE(7, v) GEMM_TILE(8, v)
#define GEMM_TILES_12(v) GEMM_TILES_8(v) GEMM_TILE(9, v) GEMM_TILE(10, v) GEMM_TILE(11, v) GEMM_TILE(12, v)
#if VECTOR_FLOATS == 16
#define GEMM_TILES GEMM_TILES_12(1) GEMM_TILES_12(2) GEMM_TILES_8(3) GEMM_TILES_6(4)
#else
#define GEMM_TILES GEMM_TILES_6(1) GEMM_TILES_6(2)
#endif

#define GEMM_MULTIPLY(name, kind)                                                                                                          \
  static void FN(name)(int rows, int vectors, const puna_gemm_strip *strips, int n_strips, long row, const uint32_t *panel, float *tile, \
                       int continued, const puna_gemm_fetch *fetch) {                                                                                                    \
    enum { bf16 = kind };                                                                                                                  \
    switch (vectors * 16 + rows) { GEMM_TILES }                                                                                            \
  }

GEMM_MULTIPLY(multiply_float32, 0)
#if defined(ISA_AVX512_BF16)
GEMM_MULTIPLY(multiply_bf16, 1)
#endif

static void FN(multiply)(int bf16, int rows, int vectors, const puna_gemm_strip *strips, int n_strips, long row, const uint32_t *panel,
                         float *tile, int continued, const puna_gemm_fetch *fetch) {
#if defined(ISA_AVX512_BF16)
  if (bf16) {
    FN(multiply_bf16)(rows, vectors, strips, n_strips, row, panel, tile, continued, fetch);
    return;
  }
#endif
  (void)bf16;
  FN(multiply_float32)(rows, vectors, strips, n_strips, row, panel, tile, continued, fetch);
}

/* MARK: - Epilogue */

GEMM_INLINE void FN(finish_vector)(puna_destination_kind kind, gemm_vector values, char *y) {
  if (kind == PUNA_STORE) *(gemm_loose_vector *)y = values;
  else if (kind == PUNA_ADD) *(gemm_loose_vector *)y += values;
  else *(gemm_loose_halves *)y = __builtin_convertvector(FN(round_to_bf16)(values), gemm_halves);
}

GEMM_INLINE void FN(finish_rows)(puna_destination_kind kind, float scale, int rows, int columns, const float *tile, int tile_stride,
                                 char *y, size_t y_stride) {
  const size_t size = kind == PUNA_STORE_BF16 ? 2 : 4;
  for (int row = 0; row < rows; row++, tile += tile_stride, y += y_stride * size) {
    int column = 0;
    for (; column + VECTOR_FLOATS <= columns; column += VECTOR_FLOATS)
      FN(finish_vector)(kind, scale * *(const gemm_loose_vector *)(tile + column), y + (size_t)column * size);
    if (column == columns) continue;
    char padded[4 * VECTOR_FLOATS];
    memcpy(padded, y + (size_t)column * size, (size_t)(columns - column) * size);
    FN(finish_vector)(kind, scale * *(const gemm_loose_vector *)(tile + column), padded);
    memcpy(y + (size_t)column * size, padded, (size_t)(columns - column) * size);
  }
}

static void FN(finish)(puna_destination_kind kind, float scale, int rows, int columns, const float *tile, int tile_stride, void *y,
                       size_t y_stride) {
  if (kind == PUNA_STORE) FN(finish_rows)(PUNA_STORE, scale, rows, columns, tile, tile_stride, y, y_stride);
  else if (kind == PUNA_ADD) FN(finish_rows)(PUNA_ADD, scale, rows, columns, tile, tile_stride, y, y_stride);
  else FN(finish_rows)(PUNA_STORE_BF16, scale, rows, columns, tile, tile_stride, y, y_stride);
}

/* MARK: - Yardsticks */

/* As many sums as hide the instruction's latency, and still fit the registers. */
#if VECTOR_FLOATS == 16
#define GEMM_PEAK_SUMS 24
#else
#define GEMM_PEAK_SUMS 12
#endif

GEMM_INLINE double FN(saturate_registers)(int bf16, long rounds) {
  gemm_vector sums[GEMM_PEAK_SUMS] = {{0}};
  gemm_vector a = (gemm_vector){0}, b = (gemm_vector){0};
  for (long round = 0; round < rounds; round++) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < GEMM_PEAK_SUMS; i++) sums[i] = FN(multiply_add)(bf16, sums[i], a, b);
    /* Unknown to the compiler from round to round, so that nothing is hoisted. */
#if defined(__x86_64__)
    __asm__ volatile("" : "+x"(a), "+x"(b));
#else
    __asm__ volatile("" : "+w"(a), "+w"(b));
#endif
  }
  float total = 0;
  for (int i = 0; i < GEMM_PEAK_SUMS; i++) total += sums[i][0];
  __asm__ volatile("" : : "r"(total));
  return (double)rounds * GEMM_PEAK_SUMS * VECTOR_FLOATS * (bf16 ? 4 : 2);
}

static double FN(saturate)(int bf16, long rounds) {
#if defined(ISA_AVX512_BF16)
  if (bf16) return FN(saturate_registers)(1, rounds);
#endif
  return bf16 ? 0 : FN(saturate_registers)(0, rounds);
}

static uint64_t FN(read)(const void *buffer, size_t bytes) {
  enum { streams = 16 };
  gemm_units sums[streams] = {{0}};
  const gemm_units *source = buffer;
  for (size_t i = 0; i < bytes / sizeof *source; i += streams)
    _Pragma("clang loop unroll(full)") for (int j = 0; j < streams; j++) sums[j] += source[i + (size_t)j];
  for (int j = 1; j < streams; j++) sums[0] += sums[j];
  return sums[0][0];
}

const puna_gemm_kernels FN(puna_gemm_table) = {
    .vector_floats = VECTOR_FLOATS,
#if VECTOR_FLOATS == 16
    .tile_vectors = 4,
    .tile_rows = {12, 12, 8, 6},
#else
    .tile_vectors = 2,
    .tile_rows = {6, 6},
#endif
#if defined(ISA_AVX512_BF16)
    .bf16 = 1,
#endif
    .pack = FN(pack),
    .multiply = FN(multiply),
    .finish = FN(finish),
    .saturate = FN(saturate),
    .read = FN(read),
};
