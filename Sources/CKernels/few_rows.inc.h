/* Dot products of few rows with rows of weights (see few_rows_kernels.h), written once for every instruction set. Needs gemm.inc.h. */

/* Columns that share every load of x, and most rows that share every load of a weight. */
#define PUNA_GROUP_COLUMNS 4
#define PUNA_GROUP_ROWS 4

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

typedef float few_rows_quad __attribute__((vector_size(16)));

/* Lanes added by halves down to four. */
GEMM_INLINE few_rows_quad FN(fold)(gemm_vector v) {
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


/* Totals of a row's sums, `columns` of 1 or PUNA_GROUP_COLUMNS, added to those of the blocks before. */
GEMM_INLINE void FN(add_totals)(const int columns, const gemm_vector *sums, float *totals) {
  const few_rows_quad a = FN(fold)(sums[0]);
  few_rows_quad b = {0}, c = {0}, d = {0};
  if (columns > 1) b = FN(fold)(sums[1]), c = FN(fold)(sums[2]), d = FN(fold)(sums[3]);
  const few_rows_quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const few_rows_quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  few_rows_quad all = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  few_rows_quad before = {0};
  memcpy(&before, totals, (size_t)columns * 4);
  all += before;
  memcpy(totals, &all, (size_t)columns * 4);
}

/* Where the next lines to be fetched lie: the rest of this stretch, then the block that comes next, each in the order of addresses. */
typedef struct {
  puna_few_rows_fetch block;
  const puna_few_rows_fetch *next; /* NULL: `block` is the last */
  size_t offset;                   /* in the block without the gaps between its rows */
} FN(fetch_cursor);

/* The line from which `lines` lines are fetched. When there are no more, something near, again and again. */
GEMM_INLINE const char *FN(next_lines)(FN(fetch_cursor) *cursor, long lines, const char *near, size_t *step) {
  if (cursor->next && cursor->offset >= cursor->block.row_bytes * (size_t)cursor->block.rows)
    cursor->block = *cursor->next, cursor->next = NULL, cursor->offset = 0;
  const size_t row_bytes = cursor->block.row_bytes;
  *step = cursor->offset < row_bytes * (size_t)cursor->block.rows ? 64 : 0;
  if (!*step) return near;
  const char *line = cursor->block.w + cursor->offset / row_bytes * cursor->block.w_byte_stride + cursor->offset % row_bytes;
  cursor->offset += (size_t)lines * 64;
  return line;
}

/* A block of k of `rows` rows and `columns` columns. They and the types are constants where this is inlined, and the sums then live in
   registers. `lines` are fetched for each line that is read, and with several columns as many of those that follow (`near`), a line of
   each: what was fetched long ago has left the first-level cache. */
GEMM_INLINE void FN(add_block)(int bf16, puna_dtype dtype, const int rows, const int columns, const int lines, const char *const w_begin,
                               size_t w_stride, const char *const x_begin, size_t x_stride, long left, const char *near,
                               FN(fetch_cursor) *cursor, float *totals) {
  const long step = bf16 ? 2 * VECTOR_FLOATS : VECTOR_FLOATS;
  const size_t x_step = 4 * VECTOR_FLOATS, w_step = (size_t)step * (dtype == PUNA_FLOAT32 ? 4 : 2);
  const long steps_per_line = w_step < 64 ? 64 / (long)w_step : 1;
  const size_t line_bytes = w_step < 64 ? 64 : w_step;
  const int lines_per_step = lines * (int)(line_bytes / 64);
  gemm_vector sums[PUNA_GROUP_ROWS][PUNA_GROUP_COLUMNS];
  const char *w[PUNA_GROUP_COLUMNS], *x[PUNA_GROUP_ROWS];
  _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) w[j] = w_begin + (size_t)j * w_stride;
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) x[i] = x_begin + (size_t)i * x_stride;
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)
      _Pragma("clang loop unroll(full)") for (int j = 0; j < columns; j++) sums[i][j] = (gemm_vector){0};

  size_t line_step;
  const char *line = FN(next_lines)(cursor, left / (step * steps_per_line) * lines_per_step, w_begin, &line_step);
  for (; left >= step * steps_per_line; left -= step * steps_per_line) {
    /* No loop that runs: its branches would leave too few instructions in flight to keep memory busy. */
    _Pragma("clang loop unroll(full)") for (int i = 0; i < lines_per_step; i++, line += line_step) __builtin_prefetch(line, 0, 3);
    if (columns > 1) {
      _Pragma("clang loop unroll(full)") for (int i = 0; i < lines; i++)
          _Pragma("clang loop unroll(full)") for (size_t b = 0; b < line_bytes; b += 64)
              __builtin_prefetch(near + (size_t)i * w_stride + b, 0, 3);
      near += line_bytes;
    }
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
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) FN(add_totals)(columns, sums[i], totals + i * PUNA_FEW_ROWS_COLUMNS);
}

/* The sums and a vector of each column fit the registers. */
#if VECTOR_FLOATS == 16
#define FEW_ROWS_HEIGHT 4
#else
#define FEW_ROWS_HEIGHT 2
#endif

/* Units of k in a block: that of sixteen rows of x (16 KB) stays in the first-level cache from column to column. */
enum { FN(few_rows_block) = 256 };
/* Rows of x that stay in that cache as a whole let the weights be taken in the order of their addresses, fetched so many bytes ahead. */
enum { FN(few_rows_resident) = 24 << 10, FN(few_rows_lead) = 16 << 10 };

/* A block of k of all rows; the columns at `next` follow. */
GEMM_INLINE void FN(add_rows)(int bf16, puna_dtype dtype, int rows, int group, const char *w, const char *next, size_t w_stride,
                              const char *x, size_t x_stride, long left, FN(fetch_cursor) *cursor, float *totals) {
  const int turns = (rows + FEW_ROWS_HEIGHT - 1) / FEW_ROWS_HEIGHT;
  /* All turns together fetch what one reads. */
  const int share = turns == 1 ? PUNA_GROUP_COLUMNS : turns < 4 ? PUNA_GROUP_COLUMNS / 2 : 1;
  for (int turn = 0; turn < turns; turn++) {
    const int left_rows = rows - turn * FEW_ROWS_HEIGHT, height = left_rows < FEW_ROWS_HEIGHT ? left_rows : FEW_ROWS_HEIGHT;
    const int first = turn * share < PUNA_GROUP_COLUMNS ? turn * share : 0;
#define BLOCK(height, columns, lines)                                                                                         \
  FN(add_block)(bf16, dtype, height, columns, lines, w, w_stride, x, x_stride, left, next + (size_t)first * w_stride, cursor, \
                totals)
#define BLOCKS(height)                                   \
  if (group == 1) BLOCK(height, 1, 1);                   \
  else BLOCK(height, PUNA_GROUP_COLUMNS, PUNA_GROUP_COLUMNS)
    if (height == FEW_ROWS_HEIGHT && group > 1) {
      if (turns == 1) BLOCK(FEW_ROWS_HEIGHT, PUNA_GROUP_COLUMNS, PUNA_GROUP_COLUMNS);
      else if (turns < 4) BLOCK(FEW_ROWS_HEIGHT, PUNA_GROUP_COLUMNS, PUNA_GROUP_COLUMNS / 2);
      else BLOCK(FEW_ROWS_HEIGHT, PUNA_GROUP_COLUMNS, 1);
    } else if (height == 1) {
      BLOCKS(1);
#if FEW_ROWS_HEIGHT > 2
    } else if (height == 3) {
      BLOCKS(3);
    } else if (height == 4) {
      BLOCK(4, 1, 1);
#endif
    } else {
      BLOCKS(2);
    }
#undef BLOCKS
#undef BLOCK
    x += FEW_ROWS_HEIGHT * x_stride;
    totals += FEW_ROWS_HEIGHT * PUNA_FEW_ROWS_COLUMNS;
  }
}

GEMM_INLINE void FN(add_stretch)(int bf16, puna_dtype dtype, int rows, const puna_few_rows_stretch *stretch,
                                 const puna_few_rows_fetch *fetch, float *totals) {
  const long block = FN(few_rows_block) * (bf16 ? 2 : 1);
  const int blocks = (int)((stretch->elements + block - 1) / block);
  const int in_order = rows <= FEW_ROWS_HEIGHT && (long)rows * stretch->elements * (bf16 ? 2 : 4) <= FN(few_rows_resident);
  const int quads = in_order ? 0 : stretch->columns / PUNA_GROUP_COLUMNS;
  const int groups = quads + stretch->columns - quads * PUNA_GROUP_COLUMNS;
  FN(fetch_cursor) cursor = {.block = *fetch};
  if (in_order)
    cursor = (FN(fetch_cursor)){.block = {.w = stretch->w,
                                          .w_byte_stride = stretch->w_byte_stride,
                                          .row_bytes = (size_t)stretch->elements * (dtype == PUNA_FLOAT32 ? 4 : 2),
                                          .rows = stretch->columns},
                                .next = fetch,
                                .offset = FN(few_rows_lead)};
  const size_t w_size = dtype == PUNA_FLOAT32 ? 4 : 2, x_size = bf16 ? 2 : 4;
  for (int i = 0; i < groups * blocks; i++) {
    const int group = in_order ? i / blocks : i % groups;
    const long k = block * (in_order ? i % blocks : i / groups), left = stretch->elements - k < block ? stretch->elements - k : block;
    const int column = group < quads ? group * PUNA_GROUP_COLUMNS : quads * PUNA_GROUP_COLUMNS + (group - quads);
    const char *w = stretch->w + (size_t)column * stretch->w_byte_stride + (size_t)k * w_size;
    const char *next = group + 1 < quads ? w + PUNA_GROUP_COLUMNS * stretch->w_byte_stride : stretch->w + (size_t)(k + left) * w_size;
    FN(add_rows)(bf16, dtype, rows, group < quads ? PUNA_GROUP_COLUMNS : 1, w, next, stretch->w_byte_stride,
                 stretch->x + (size_t)k * x_size, stretch->x_byte_stride, left, &cursor, totals + column);
  }
}

#define FEW_ROWS_ADD(name, kind)                                                                                                     \
  static void FN(name)(int rows, const puna_few_rows_stretch *stretch, const puna_few_rows_fetch *fetch, float *totals) {            \
    if (stretch->dtype == PUNA_BFLOAT16) FN(add_stretch)(kind, PUNA_BFLOAT16, rows, stretch, fetch, totals);                         \
    else if (stretch->dtype == PUNA_FLOAT16) FN(add_stretch)(kind, PUNA_FLOAT16, rows, stretch, fetch, totals);                      \
    else FN(add_stretch)(kind, PUNA_FLOAT32, rows, stretch, fetch, totals);                                                          \
  }
FEW_ROWS_ADD(add_few_float32, 0)
#if defined(ISA_AVX512_BF16)
FEW_ROWS_ADD(add_few_bf16, 1)
#endif

static void FN(add_few)(int bf16, int rows, const puna_few_rows_stretch *stretch, const puna_few_rows_fetch *fetch, float *totals) {
#if defined(ISA_AVX512_BF16)
  if (bf16) {
    FN(add_few_bf16)(rows, stretch, fetch, totals);
    return;
  }
#endif
  (void)bf16;
  FN(add_few_float32)(rows, stretch, fetch, totals);
}

const puna_few_rows_kernels FN(puna_few_rows_table) = {.add = FN(add_few)};
