/* Dot products of few rows with rows of weights (see few_rows_kernels.h), written once for every instruction set. Needs gemm.inc.h. */

/* `bytes` of source and zeros up to `capacity`, a multiple of 64. */
GEMM_INLINE void FN(copy_tail)(char *padded, const char *source, size_t bytes, const size_t capacity) {
#if defined(ISA_AVX512)
  _Pragma("clang loop unroll(full)") for (size_t i = 0; i < capacity; i += 64) {
    const size_t left = bytes > i ? bytes - i : 0;
    const __mmask64 mask = left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
    _mm512_storeu_si512(padded + i, _mm512_maskz_loadu_epi8(mask, source + i));
  }
#else
  memset(padded, 0, capacity);
  memcpy(padded, source, bytes);
#endif
}

/* One vector of units of every row and column; w and x may lie anywhere. */
GEMM_INLINE void FN(add_units)(int bf16, puna_dtype dtype, const int rows, const int columns, const char *const w[], const char *const x[],
                               gemm_vector sums[PUNA_GROUP_ROWS][PUNA_GROUP_COLUMNS]) {
  gemm_vector b[PUNA_GROUP_COLUMNS];
  _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) b[j] = (gemm_vector)FN(load_units)(bf16, w[j], dtype);
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {
    const gemm_vector a = (gemm_vector)*(const gemm_loose_units *)x[i];
    _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) sums[i][j] = FN(multiply_add)(bf16, sums[i][j], a, b[j]);
  }
}

/* Rows, columns and types are constants where this is inlined, and the sums then live in registers. */
GEMM_INLINE void FN(add_stretch)(int bf16, puna_dtype dtype, const int rows, const int columns, const puna_few_rows_stretch *stretch,
                                 int continued, puna_few_rows_sums *totals) {
  const long step = bf16 ? 2 * VECTOR_FLOATS : VECTOR_FLOATS;
  const size_t x_step = 4 * VECTOR_FLOATS, w_step = (size_t)step * (dtype == PUNA_FLOAT32 ? 4 : 2);
  const long steps_per_line = w_step < 64 ? 64 / (long)w_step : 1;
  gemm_vector sums[PUNA_GROUP_ROWS][PUNA_GROUP_COLUMNS];
  const char *w[PUNA_GROUP_COLUMNS], *x[PUNA_GROUP_ROWS];
  _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) w[j] = stretch->w[j];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) x[i] = stretch->x + (size_t)i * stretch->x_byte_stride;
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)
      _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++)
          sums[i][j] = continued ? *(gemm_vector *)totals->lanes[i][j] : (gemm_vector){0};

  /* Prefetches are no loop: its branches would leave too few instructions in flight to keep memory busy. */
  const char *fetch[PUNA_GROUP_COLUMNS];
  _Pragma("clang loop unroll(full)") for (int j = 0; j < PUNA_GROUP_COLUMNS; j++) fetch[j] = stretch->fetch[j];
  const int more_than_two = stretch->fetches > 2;
  long left = stretch->elements;
  for (; left >= step * steps_per_line; left -= step * steps_per_line) {
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (w_step < 64 ? 64 : w_step); i += 64) {
      __builtin_prefetch(fetch[0] + i, 0, 3);
      __builtin_prefetch(fetch[1] + i, 0, 3);
      if (more_than_two) {
        __builtin_prefetch(fetch[2] + i, 0, 3);
        __builtin_prefetch(fetch[3] + i, 0, 3);
      }
    }
    _Pragma("clang loop unroll(full)") for (int j = 0; j < PUNA_GROUP_COLUMNS; j++) fetch[j] += w_step * (size_t)steps_per_line;
    _Pragma("clang loop unroll(full)") for (long i = 0; i < steps_per_line; i++) {
      FN(add_units)(bf16, dtype, rows, columns, w, x, sums);
      _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) w[j] += w_step;
      _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) x[r] += x_step;
    }
  }
  for (; left >= step; left -= step) {
    FN(add_units)(bf16, dtype, rows, columns, w, x, sums);
    _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) w[j] += w_step;
    _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) x[r] += x_step;
  }
  if (left) {
    _Alignas(64) char w_padded[PUNA_GROUP_COLUMNS][128], x_padded[PUNA_GROUP_ROWS][64];
    for (int j = 0; j < columns; j++) {
      FN(copy_tail)(w_padded[j], w[j], (size_t)left * (w_step / (size_t)step), 128);
      w[j] = w_padded[j];
    }
    for (int i = 0; i < rows; i++) {
      FN(copy_tail)(x_padded[i], x[i], (size_t)left * (x_step / (size_t)step), 64);
      x[i] = x_padded[i];
    }
    FN(add_units)(bf16, dtype, rows, columns, w, x, sums);
  }
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)
      _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) *(gemm_vector *)totals->lanes[i][j] = sums[i][j];
}

#define FEW_ROWS_CASE(rows, columns)                                                                                            \
  case (columns) * 16 + (rows):                                                                                                 \
    if (stretch->dtype == PUNA_BFLOAT16) FN(add_stretch)(bf16, PUNA_BFLOAT16, rows, columns, stretch, continued, sums);                    \
    else if (stretch->dtype == PUNA_FLOAT16) FN(add_stretch)(bf16, PUNA_FLOAT16, rows, columns, stretch, continued, sums);                 \
    else FN(add_stretch)(bf16, PUNA_FLOAT32, rows, columns, stretch, continued, sums);                                                     \
    return;
#define FEW_ROWS_CASES_2(columns) FEW_ROWS_CASE(1, columns) FEW_ROWS_CASE(2, columns)
/* The sums and a vector of each column fit the registers. */
#if VECTOR_FLOATS == 16
#define FEW_ROWS_HEIGHT 4
#define FEW_ROWS_CASES(columns) FEW_ROWS_CASES_2(columns) FEW_ROWS_CASE(3, columns) FEW_ROWS_CASE(4, columns)
#else
#define FEW_ROWS_HEIGHT 2
#define FEW_ROWS_CASES(columns) FEW_ROWS_CASES_2(columns)
#endif
#define FEW_ROWS_ADD(name, kind)                                                                                      \
  static void FN(name)(int rows, int columns, const puna_few_rows_stretch *stretch, int continued, puna_few_rows_sums *sums) {       \
    enum { bf16 = kind };                                                                                             \
    switch (columns * 16 + rows) { FEW_ROWS_CASES(1) FEW_ROWS_CASES(PUNA_GROUP_COLUMNS) }                             \
  }
FEW_ROWS_ADD(add_few_float32, 0)
#if defined(ISA_AVX512_BF16)
FEW_ROWS_ADD(add_few_bf16, 1)
#endif

static void FN(add_few)(int bf16, int rows, int columns, const puna_few_rows_stretch *stretch, int continued, puna_few_rows_sums *sums) {
#if defined(ISA_AVX512_BF16)
  if (bf16) {
    FN(add_few_bf16)(rows, columns, stretch, continued, sums);
    return;
  }
#endif
  (void)bf16;
  FN(add_few_float32)(rows, columns, stretch, continued, sums);
}

typedef float few_rows_quad __attribute__((vector_size(16)));

/* Lanes added by halves down to four. */
GEMM_INLINE few_rows_quad FN(fold)(const float *lanes) {
  gemm_vector v = *(const gemm_vector *)lanes;
#if VECTOR_FLOATS == 16
  typedef float octet __attribute__((vector_size(32)));
  const octet half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#elif VECTOR_FLOATS == 8
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  return v;
#endif
}

static void FN(total_few)(int rows, int columns, const puna_few_rows_sums *sums, float *tile, int tile_stride) {
  for (int row = 0; row < rows; row++, tile += tile_stride) {
    const few_rows_quad a = FN(fold)(sums->lanes[row][0]);
    few_rows_quad b = {0}, c = {0}, d = {0};
    if (columns > 1) b = FN(fold)(sums->lanes[row][1]), c = FN(fold)(sums->lanes[row][2]), d = FN(fold)(sums->lanes[row][3]);
    const few_rows_quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const few_rows_quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const few_rows_quad all = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    memcpy(tile, &all, (size_t)columns * 4);
  }
}

const puna_few_rows_kernels FN(puna_few_rows_table) = {.rows = FEW_ROWS_HEIGHT, .add = FN(add_few), .total = FN(total_few)};
