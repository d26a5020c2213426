/* The driver of products with few rows, which is what decoding consists of: weights are read once, as they lie in memory, and their rate
   of arrival is the limit. Packing would cost more than it saves.

   A task is a run of columns of the product, which are rows of the weight and lie one after the other in memory. While a worker multiplies
   them it asks for those of its next task in the order of their addresses, whatever the order in which it multiplies: memory then sees one
   rising stream per worker, which it serves twice as fast as several side by side. */
#include "few_rows_kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "context_private.h"
#include "gemm_kernels.h"
#include "gemm_terms.h"
#include "weight_private.h"

/* Weights of a task: two tasks fit a second-level cache, and one takes far longer than claiming it. */
enum { task_bytes = 96 << 10, least_columns = 8 };

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
  const puna_gemm_kernels *finish;
  int bf16, m;
  const puna_gemm_term *terms;
  int term_count;
  const puna_destination *destinations;
  int columns_per_task;
  long tasks, workers;
  atomic_long next;
} plan;

/* Columns of one destination; none: begin = end. */
typedef struct task {
  const puna_destination *destination;
  int begin, end;
} task;

static long tasks_of(const plan *plan, const puna_destination *destination) {
  return puna_ceil_div(destination->n_count, plan->columns_per_task);
}

/* Tasks that a worker has claimed and not begun. */
typedef struct {
  long next, end;
} share;

/* The next task of a worker's share, or of a new one: an eighth of what is left to two workers, and less and less. Every claim waits for
   all loads in flight, so there are few. */
static task next_task(plan *plan, share *share) {
  if (share->next == share->end) {
    long begin = atomic_load_explicit(&plan->next, memory_order_relaxed), count;
    do {
      count = puna_max_long(1, (plan->tasks - begin) / (4 * plan->workers));
    } while (begin < plan->tasks &&
             !atomic_compare_exchange_weak_explicit(&plan->next, &begin, begin + count, memory_order_relaxed, memory_order_relaxed));
    if (begin >= plan->tasks) return (task){.begin = 0, .end = 0};
    share->next = begin;
    share->end = begin + count;
  }
  long index = share->next++;
  const puna_destination *destination = plan->destinations;
  for (; index >= tasks_of(plan, destination); destination++) index -= tasks_of(plan, destination);
  int begin = destination->n_begin + (int)index * plan->columns_per_task;
  return (task){destination, begin, (int)puna_min_long(begin + plan->columns_per_task, destination->n_begin + destination->n_count)};
}

/* The end, at most `end`, of the rows from `row` on that lie evenly in the same segments. */
static int even_rows(const puna_weight *weight, int row, int end) {
  for (const puna_segment *segment = weight->segments; segment < weight->segments + weight->segment_count; segment++) {
    int begin = segment->row_begin, stop = begin + segment->row_count;
    if (begin > row && begin < end) end = begin;
    if (stop > row && stop < end) end = stop;
    int half = segment->rotary_head_dimension / 2;
    if (half && begin <= row && row < stop) end = (int)puna_min_long(end, begin + ((row - begin) / half + 1) * half);
  }
  return end;
}

/* The end, at most `end`, of the columns from `column` on that the same terms and segments cover. */
static int run_end(const plan *plan, int column, int end) {
  end = puna_next_cut(plan->terms, plan->term_count, column, end);
  for (const puna_gemm_term *term = plan->terms; term < plan->terms + plan->term_count; term++)
    if (puna_term_covers(term, column)) end = term->n_begin + even_rows(term->weight, column - term->n_begin, end - term->n_begin);
  return end;
}

/* From a row of a segment to the next, evenly. */
static size_t byte_stride(const puna_segment *segment) { return segment->row_byte_stride * (segment->rotary_head_dimension ? 2 : 1); }

/* What of the term's weights the task `next` needs in the segment that holds k. */
static puna_few_rows_fetch fetch_of(const puna_gemm_term *term, task next, int k) {
  if (next.begin == next.end || !puna_term_covers(term, next.begin)) return (puna_few_rows_fetch){.rows = 0};
  int row = next.begin - term->n_begin;
  int end = even_rows(term->weight, row, (int)puna_min_long(next.end - term->n_begin, term->weight->rows));
  const puna_segment *segment = puna_find_segment(term->weight, row, k);
  return (puna_few_rows_fetch){
      .w = puna_segment_address(segment, row, k),
      .w_byte_stride = byte_stride(segment),
      .row_bytes = (size_t)(segment->column_begin + segment->column_count - k) * puna_dtype_bytes(segment->dtype),
      .rows = end - row};
}

/* Weights whose rows are cut, as some of Meta's shards cut them, joined for one task: sums are then made as of uncut rows. Pieces of several
   types stay as they are. */
static void join(const plan *plan, int worker, const puna_gemm_term *term, int begin, int end, puna_few_rows_stretch *stretch) {
  const puna_weight *weight = term->weight;
  if (stretch->elements >= weight->columns) return;
  const size_t size = puna_dtype_bytes(stretch->dtype), stride = (size_t)weight->columns * size;
  char *joined = puna_scratch(plan->context, worker, (size_t)(end - begin) * stride);
  for (int k = 0; k < weight->columns;) {
    const puna_segment *segment = puna_find_segment(weight, begin - term->n_begin, k);
    if (segment->dtype != stretch->dtype) return;
    const char *w = puna_segment_address(segment, begin - term->n_begin, k);
    const int elements = segment->column_begin + segment->column_count - k;
    for (int row = 0; row < end - begin; row++)
      memcpy(joined + (size_t)row * stride + (size_t)k * size, w + (size_t)row * byte_stride(segment), (size_t)elements * size);
    k += elements;
  }
  stretch->w = joined;
  stretch->w_byte_stride = stride;
  stretch->elements = weight->columns;
}

/* Adds what one term gives to the columns begin ..< end. */
static void add_term(const plan *plan, int worker, const puna_gemm_term *term, int begin, int end, task next, float *totals) {
  const size_t size = plan->bf16 ? 2 : 4;
  for (int k = 0; k < term->weight->columns;) {
    const puna_segment *segment = puna_find_segment(term->weight, begin - term->n_begin, k);
    puna_few_rows_stretch stretch = {.w = puna_segment_address(segment, begin - term->n_begin, k),
                                           .w_byte_stride = byte_stride(segment),
                                           .dtype = segment->dtype,
                                           .x = (const char *)term->x + (size_t)k * size,
                                           .x_byte_stride = term->x_stride * size,
                                           .elements = segment->column_begin + segment->column_count - k,
                                           .columns = end - begin};
    const puna_few_rows_fetch fetch = fetch_of(term, next, k);
    if (k == 0) join(plan, worker, term, begin, end, &stretch);
    plan->kernels->add(plan->bf16, plan->m, &stretch, &fetch, totals);
    k += stretch.elements;
  }
}

static void run_task(const plan *plan, int worker, task task, struct task next) {
  float totals[PUNA_FEW_ROWS * PUNA_FEW_ROWS_COLUMNS];
  memset(totals, 0, (size_t)plan->m * PUNA_FEW_ROWS_COLUMNS * sizeof *totals);
  for (int begin = task.begin; begin < task.end;) {
    int end = run_end(plan, begin, task.end);
    for (const puna_gemm_term *term = plan->terms; term < plan->terms + plan->term_count; term++)
      if (puna_term_covers(term, begin)) add_term(plan, worker, term, begin, end, next, totals + (begin - task.begin));
    begin = end;
  }
  const puna_destination *destination = task.destination;
  char *y = (char *)destination->y + (size_t)(task.begin - destination->n_begin) * (destination->kind == PUNA_STORE_BF16 ? 2 : 4);
  plan->finish->finish(destination->kind, destination->scale, plan->m, task.end - task.begin, totals, PUNA_FEW_ROWS_COLUMNS, y,
                       destination->y_stride);
}

/* One worker's share: tasks are claimed one ahead, so that it is known which weights come next. */
static void run_worker(void *argument, long index, int worker) {
  (void)index;
  plan *plan = argument;
  share share = {0, 0};
  for (task task = next_task(plan, &share), next; task.begin < task.end; task = next) {
    next = next_task(plan, &share);
    run_task(plan, worker, task, next);
  }
}

/* Bytes of the longest row of a term. */
static size_t row_bytes(const puna_gemm_term *terms, int term_count) {
  size_t most = 1;
  for (const puna_gemm_term *term = terms; term < terms + term_count; term++) {
    size_t bytes = (size_t)term->weight->columns * puna_dtype_bytes(term->weight->segments->dtype);
    if (bytes > most) most = bytes;
  }
  return most;
}

void puna_gemm_few_rows(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count,
                        const puna_destination *destinations, int destination_count) {
  plan plan = {.context = context, .kernels = kernels_of(puna_context_isa(context)),
               .finish = puna_gemm_kernels_of(puna_context_isa(context)), .bf16 = bf16, .m = m, .terms = terms,
               .term_count = term_count, .destinations = destinations, .columns_per_task = PUNA_FEW_ROWS_COLUMNS};
  const size_t bytes = row_bytes(terms, term_count);
  while (plan.columns_per_task > least_columns && (size_t)plan.columns_per_task * bytes > task_bytes) plan.columns_per_task /= 2;
  for (int i = 0; i < destination_count; i++) plan.tasks += tasks_of(&plan, &destinations[i]);
  plan.workers = puna_context_threads(context);
  puna_parallel_for(context, puna_min_long(plan.tasks, plan.workers), run_worker, &plan);
}
