/* The driver of products with few rows, which is what decoding consists of: weights are read once, as they lie in memory, and their rate
   of arrival is the limit. Packing would cost more than it saves.

   Four columns of the product, which are four rows of the weight, are walked side by side, for four rows of x at a time; the first four
   bring the weights into the caches, the others find them there, and all of them fetch those of the next four columns. */
#include "few_rows_kernels.h"

#include "context_private.h"
#include "gemm_kernels.h"
#include "gemm_terms.h"
#include "weight_private.h"

/* A multiple of every set's vector. */
enum { columns_per_task = 32 };

static const puna_few_rows_kernels *kernels_of(puna_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case PUNA_ISA_AVX512_BF16: return &puna_few_rows_table_avx512bf16;
    case PUNA_ISA_AVX512: return &puna_few_rows_table_avx512;
    case PUNA_ISA_AVX2: return &puna_few_rows_table_avx2;
#endif
    default: return &puna_few_rows_table_generic;
  }
}

typedef struct {
  puna_context *context;
  const puna_few_rows_kernels *kernels;
  int bf16, m;
  int turns; /* in which the rows of x are taken */
  const puna_gemm_term *terms;
  int term_count;
  const puna_destination *destinations;
  long tasks;
} plan;

/* Columns of one destination. */
typedef struct {
  const puna_destination *destination;
  int begin, end;
} task;

static long tasks_of(const puna_destination *destination) { return puna_ceil_div(destination->n_count, columns_per_task); }

static task find_task(const plan *plan, long index) {
  const puna_destination *destination = plan->destinations;
  for (; index >= tasks_of(destination); destination++) index -= tasks_of(destination);
  int begin = destination->n_begin + (int)index * columns_per_task;
  return (task){destination, begin, (int)puna_min_long(begin + columns_per_task, destination->n_begin + destination->n_count)};
}

/* Columns from `column` on that are walked side by side: a whole group where each of its stretches lies in one segment, else one. */
static int group_of(const plan *plan, int column, int end) {
  if (puna_next_cut(plan->terms, plan->term_count, column, end) - column < PUNA_GROUP_COLUMNS) return 1;
  for (const puna_gemm_term *term = plan->terms; term < plan->terms + plan->term_count; term++) {
    if (!puna_term_covers(term, column)) continue;
    int row = column - term->n_begin;
    for (int k = 0; k < term->weight->columns;) {
      const puna_segment *segment = puna_find_segment(term->weight, row, k);
      if (row + PUNA_GROUP_COLUMNS > segment->row_begin + segment->row_count) return 1;
      k = segment->column_begin + segment->column_count;
    }
  }
  return PUNA_GROUP_COLUMNS;
}

/* Of the columns from `next` on, those whose weights the rows from `row` on are to fetch: all rows together fetch each once. */
static void add_fetches(const plan *plan, const puna_gemm_term *term, int next, int columns, int row, int k,
                        puna_few_rows_stretch *stretch) {
  int turn = row / plan->kernels->rows;
  for (int i = 0; i < columns; i++) {
    if (!puna_term_covers(term, next + i) || i * plan->turns / PUNA_GROUP_COLUMNS != turn) continue;
    const puna_segment *segment = puna_find_segment(term->weight, next + i - term->n_begin, k);
    stretch->fetch[stretch->fetches++] = puna_segment_address(segment, next + i - term->n_begin, k);
  }
}

/* What one term gives to `rows` rows and `columns` columns, the first of all terms unless continued. */
static void add_term(const plan *plan, const puna_gemm_term *term, int column, int columns, int row, int rows, int next,
                     int continued, puna_few_rows_sums *sums) {
  const size_t size = plan->bf16 ? 2 : 4;
  for (int k = 0; k < term->weight->columns;) {
    const puna_segment *segment = puna_find_segment(term->weight, column - term->n_begin, k);
    puna_few_rows_stretch stretch = {.dtype = segment->dtype,
                                     .x = (const char *)term->x + ((size_t)row * term->x_stride + (size_t)k) * size,
                                     .x_byte_stride = term->x_stride * size,
                                     .elements = segment->column_begin + segment->column_count - k};
    for (int i = 0; i < columns; i++) stretch.w[i] = puna_segment_address(segment, column - term->n_begin + i, k);
    if (next >= 0) add_fetches(plan, term, next, columns, row, k, &stretch);
    for (int i = stretch.fetches; i < PUNA_GROUP_COLUMNS; i++) stretch.fetch[i] = stretch.w[0];
    plan->kernels->add(plan->bf16, rows, columns, &stretch, continued || k, sums);
    k += stretch.elements;
  }
}

static void run_task(void *argument, long index, int worker) {
  (void)worker;
  const plan *plan = argument;
  task task = find_task(plan, index);
  long following = index + puna_context_threads(plan->context);
  int next_begin = following < plan->tasks ? find_task(plan, following).begin : -1;
  float tile[PUNA_FEW_ROWS * columns_per_task] = {0};
  for (int column = task.begin; column < task.end;) {
    int columns = group_of(plan, column, task.end);
    int next = column + columns < task.end ? column + columns : next_begin;
    for (int row = 0; row < plan->m; row += plan->kernels->rows) {
      int rows = (int)puna_min_long(plan->kernels->rows, plan->m - row);
      /* Not cleared here: wide loads would wait for narrow stores, and the stream of weights would run dry. */
      puna_few_rows_sums sums;
      int continued = 0;
      for (const puna_gemm_term *term = plan->terms; term < plan->terms + plan->term_count; term++)
        if (puna_term_covers(term, column)) add_term(plan, term, column, columns, row, rows, next, continued++, &sums);
      float *target = tile + row * columns_per_task + (column - task.begin);
      if (continued) plan->kernels->total(rows, columns, &sums, target, columns_per_task);
    }
    column += columns;
  }
  const puna_destination *destination = task.destination;
  char *y = (char *)destination->y + (size_t)(task.begin - destination->n_begin) * (destination->kind == PUNA_STORE_BF16 ? 2 : 4);
  puna_gemm_kernels_of(puna_context_isa(plan->context))
      ->finish(destination->kind, destination->scale, plan->m, task.end - task.begin, tile, columns_per_task, y, destination->y_stride);
}

void puna_gemm_few_rows(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count,
                        const puna_destination *destinations, int destination_count) {
  plan plan = {.context = context, .kernels = kernels_of(puna_context_isa(context)), .bf16 = bf16, .m = m, .terms = terms,
               .term_count = term_count, .destinations = destinations};
  plan.turns = (int)puna_ceil_div(m, plan.kernels->rows);
  for (int i = 0; i < destination_count; i++) plan.tasks += tasks_of(&destinations[i]);
  puna_parallel_for(context, plan.tasks, run_task, &plan);
}
