/* The driver of every product: cuts it into tasks, packs the panels of weights that a task needs and walks the rows under them.

   A panel is 64 columns of the product by a part of k. It is packed from the mapped rows by the worker that needs it, stays in that
   worker's second-level cache, and every row of the task is multiplied by it before the next part. Parts are long, so that tiles seldom
   leave the registers unfinished, and the short terms of LoRA ride in the last one. The sum of an element runs through its terms and
   through k in order, whatever the tiles, tasks and threads. */
#include <stdatomic.h>
#include <stdlib.h>

#include "context_private.h"
#include "few_rows_kernels.h"
#include "gemm_kernels.h"
#include "gemm_terms.h"
#include "weight_private.h"

/* Units of k in a part (2,816 bf16, 1,408 floats): 352 KB a panel, a third of a second-level cache. */
enum { part_units = 1408, least_part_units = 1024, short_units = 256, row_step = 24, panel_columns = PUNA_PANEL_COLUMNS };

const puna_gemm_kernels *puna_gemm_kernels_of(puna_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case PUNA_ISA_AVX512_BF16: return &puna_gemm_table_avx512bf16;
    case PUNA_ISA_AVX512: return &puna_gemm_table_avx512;
    case PUNA_ISA_AVX2: return &puna_gemm_table_avx2;
#endif
    default: return &puna_gemm_table_generic;
  }
}

static _Atomic(puna_sgemm) generic_sgemm;
void puna_set_generic_sgemm(puna_sgemm sgemm) { atomic_store(&generic_sgemm, sgemm); }

/* MARK: - Plan */

/* A stretch of one term's k. */
typedef struct {
  const puna_gemm_term *term;
  int k_begin, k_end;
  int part;
} piece;

/* Columns of one destination that the same terms cover. */
typedef struct {
  const puna_destination *destination;
  int begin, end;
  piece *pieces;
  int piece_count, parts;
  long first_panel;
} interval;

typedef struct {
  puna_context *context;
  const puna_gemm_kernels *kernels;
  puna_sgemm sgemm;
  int bf16, m;
  long rows_per_task, panels, whole_tasks, tasks;
  size_t panel_bytes, scratch_bytes;
  interval *intervals;
  int interval_count;
} plan;

/* Parts that k is cut into: equal, none longer than part_units unless two would fall below least_part_units. */
static int parts_of(long units) {
  long parts = puna_max_long(1, puna_ceil_div(units, part_units));
  if (parts > 1 && units / parts < least_part_units) parts--;
  return (int)parts;
}

static int cut_pieces(piece *pieces, const puna_gemm_term *term, int bf16) {
  int per_unit = bf16 ? 2 : 1, k = puna_term_depth(term);
  int parts = parts_of(puna_ceil_div(k, per_unit));
  long length = puna_ceil_div(puna_ceil_div(k, parts), 32) * 32;
  int count = 0;
  for (long begin = 0; begin < k; begin += length)
    pieces[count++] = (piece){.term = term, .k_begin = (int)begin, .k_end = (int)puna_min_long(k, begin + length)};
  return count;
}

static long piece_units(const piece *piece, int bf16) { return puna_ceil_div(piece->k_end - piece->k_begin, bf16 ? 2 : 1); }

/* MARK: - Tasks */

/* The columns of a panel that are packed side by side: a full tile's, or all when a foreign sgemm multiplies. */
static int strip_width(const plan *plan, int columns) {
  int floats = plan->kernels->vector_floats, full = plan->kernels->tile_vectors * floats;
  if (plan->sgemm) return panel_columns;
  return columns >= full ? full : (int)puna_ceil_div(columns, floats) * floats;
}

/* What one task computes: a panel of an interval for a block of rows. */
typedef struct {
  const interval *interval;
  int column;
  long row_begin, row_end;
} task;

static task find_task(const plan *plan, long index) {
  /* The last panels are cut into quarters: all workers then end at nearly the same time. */
  long quarter = -1;
  if (index >= plan->whole_tasks) {
    quarter = (index - plan->whole_tasks) % 4;
    index = plan->whole_tasks + (index - plan->whole_tasks) / 4;
  }
  const interval *interval = plan->intervals;
  long panel = index % plan->panels;
  while (interval + 1 < plan->intervals + plan->interval_count && panel >= interval[1].first_panel) interval++;
  task task = {.interval = interval, .column = interval->begin + (int)(panel - interval->first_panel) * panel_columns};
  task.row_begin = index / plan->panels * plan->rows_per_task;
  task.row_end = puna_min_long(plan->m, task.row_begin + plan->rows_per_task);
  if (quarter >= 0) {
    long rows = puna_ceil_div(task.row_end - task.row_begin, 4 * row_step) * row_step;
    task.row_begin = puna_min_long(task.row_end, task.row_begin + quarter * rows);
    task.row_end = puna_min_long(task.row_end, task.row_begin + rows);
  }
  return task;
}

/* Weights that will be packed next, brought into the caches while this panel's rows are multiplied: stripes of 192 bytes, top down. */
typedef struct {
  const puna_weight *weight;
  int row, row_end, column, column_end;
  /* The stripe in hand, down to the end of its segment. */
  const puna_segment *segment;
  int stripe_row, stripe_end;
  size_t offset;
} prefetch;

enum { stripe_bytes = 192 };

static prefetch prefetch_of(const interval *interval, int part, int column) {
  const piece *piece = interval->pieces, *end = piece + interval->piece_count;
  while (piece < end && piece->part != part) piece++;
  if (piece == end) return (prefetch){.weight = NULL};
  const puna_gemm_term *term = piece->term;
  int begin = column - term->n_begin, stop = (int)puna_min_long(begin + panel_columns, interval->end - term->n_begin);
  prefetch prefetch = {.weight = term->weight};
  prefetch.row = term->transposed ? piece->k_begin : begin;
  prefetch.row_end = term->transposed ? piece->k_end : stop;
  prefetch.column = term->transposed ? begin : piece->k_begin;
  prefetch.column_end = term->transposed ? stop : piece->k_end;
  return prefetch;
}

/* Where the next `rows` rows of the stripe begin, and how far apart they lie. */
static puna_gemm_fetch next_fetch(prefetch *prefetch, long rows, const void *nothing) {
  if (prefetch->segment && prefetch->stripe_row >= prefetch->stripe_end) {
    const puna_segment *segment = prefetch->segment;
    prefetch->offset += stripe_bytes;
    prefetch->stripe_row = prefetch->row;
    int columns = segment->column_begin + segment->column_count;
    columns = (columns < prefetch->column_end ? columns : prefetch->column_end) - prefetch->column;
    if (prefetch->offset >= (size_t)columns * puna_dtype_bytes(segment->dtype)) {
      prefetch->row = prefetch->stripe_end;
      prefetch->segment = NULL;
    }
  }
  if (!prefetch->weight || prefetch->row >= prefetch->row_end) return (puna_gemm_fetch){.next = nothing};
  if (!prefetch->segment) {
    const puna_segment *segment = prefetch->segment = puna_find_segment(prefetch->weight, prefetch->row, prefetch->column);
    prefetch->stripe_row = prefetch->row;
    prefetch->stripe_end = (int)puna_min_long(prefetch->row_end, segment->row_begin + segment->row_count);
    prefetch->offset = 0;
  }
  puna_gemm_fetch fetch = {puna_segment_address(prefetch->segment, prefetch->stripe_row, prefetch->column) + prefetch->offset,
                           prefetch->segment->row_byte_stride};
  prefetch->stripe_row += (int)rows;
  return fetch;
}

static inline void fetch_lines(const char *address, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(address + offset, 1, 3);
}

static void run_task(void *argument, long index, int worker) {
  const plan *plan = argument;
  const puna_gemm_kernels *kernels = plan->kernels;
  task task = find_task(plan, index), next = {.interval = NULL};
  if (task.row_begin >= task.row_end) return;
  if (index + puna_context_threads(plan->context) < plan->tasks) next = find_task(plan, index + puna_context_threads(plan->context));
  if (next.interval == task.interval && next.column == task.column) next.interval = NULL;
  const interval *interval = task.interval;
  int column = task.column;
  int columns = (int)puna_min_long(panel_columns, interval->end - column);
  long row_begin = task.row_begin, row_end = task.row_end;
  const puna_destination *destination = interval->destination;
  size_t y_size = destination->kind == PUNA_STORE_BF16 ? 2 : 4;
  size_t x_size = plan->bf16 ? 2 : 4;
  char *y = (char *)destination->y + (size_t)(column - destination->n_begin) * y_size;

  uint32_t *panel = puna_scratch(plan->context, worker, plan->scratch_bytes);
  float *tiles = (float *)((char *)panel + plan->panel_bytes);
  int first_width = strip_width(plan, columns);
  int tile_rows = plan->sgemm ? (int)(row_end - row_begin) : kernels->tile_rows[first_width / kernels->vector_floats - 1];

  const piece *pieces = interval->pieces, *end = pieces + interval->piece_count;
  for (int part = 0; part < interval->parts; part++) {
    const piece *part_end = pieces;
    long units = 0, fetches = 0;
    for (; part_end < end && part_end->part == part; part_end++) {
      units += piece_units(part_end, plan->bf16);
      fetches += puna_ceil_div(piece_units(part_end, plan->bf16), 16);
    }
    int n_strips = (int)(part_end - pieces);
    puna_gemm_strip strips[n_strips > 0 ? n_strips : 1];
    uint32_t *target = panel;
    for (int begin = 0; begin < columns; begin += first_width) {
      int width = strip_width(plan, columns - begin);
      for (int i = 0; i < n_strips; i++) {
        const puna_gemm_term *term = pieces[i].term;
        kernels->pack(plan->bf16, term->weight, term->transposed, column - term->n_begin + begin,
                      (int)puna_min_long(width, columns - begin), pieces[i].k_begin, pieces[i].k_end, width, target);
        strips[i] = (puna_gemm_strip){.x = (const char *)term->x + (size_t)pieces[i].k_begin * x_size,
                                      .stride = term->x_stride * x_size,
                                      .units = piece_units(&pieces[i], plan->bf16)};
        target += (size_t)strips[i].units * (size_t)width;
      }
    }
    int last = part + 1 == interval->parts;
    prefetch prefetch = {.weight = NULL};
    if (!last) prefetch = prefetch_of(interval, part + 1, column);
    else if (next.interval) prefetch = prefetch_of(next.interval, 0, next.column);
    for (long row = row_begin; row < row_end; row += tile_rows) {
      int rows = (int)puna_min_long(tile_rows, row_end - row);
      const uint32_t *source = panel;
      /* Unfinished tiles are kept until the next part; otherwise one serves for all. */
      float *tile = interval->parts > 1 ? tiles + (size_t)(row - row_begin) * panel_columns : tiles;
      for (int begin = 0; begin < columns; begin += first_width) {
        int width = strip_width(plan, columns - begin);
        if (plan->sgemm) {
          for (int i = 0; i < n_strips; i++) {
            plan->sgemm(0, 0, rows, width, (int)strips[i].units, 1, (const float *)(strips[i].x + (size_t)row * strips[i].stride),
                        (int)(strips[i].stride / 4), (const float *)source, width, i || part ? 1.0f : 0.0f, tile, width);
            source += (size_t)strips[i].units * (size_t)width;
          }
        } else {
          /* Stores that miss would stall the next tile: six percent of the time in all. */
          for (int i = 0; last && i < rows; i++)
            fetch_lines(y + ((size_t)(row + i) * destination->y_stride + (size_t)begin) * y_size, (size_t)width * y_size);
          if (interval->parts > 1) fetch_lines((const char *)(tile + (size_t)rows * (size_t)width), (size_t)rows * (size_t)width * 4);
          const puna_gemm_fetch fetch = next_fetch(&prefetch, fetches, panel);
          kernels->multiply(plan->bf16, rows, width / kernels->vector_floats, strips, n_strips, row, source, tile, part > 0, &fetch);
          source += (size_t)units * (size_t)width;
        }
        if (last)
          kernels->finish(destination->kind, destination->scale, rows, (int)puna_min_long(width, columns - begin), tile, width,
                          y + ((size_t)row * destination->y_stride + (size_t)begin) * y_size, destination->y_stride);
        tile += (size_t)rows * (size_t)width;
      }
    }
    pieces = part_end;
  }
}

void puna_gemm(puna_context *context, int bf16, int m, const puna_gemm_term *terms, int term_count, const puna_destination *destinations,
               int destination_count) {
  if (m <= 0) return;
  int transposed = 0;
  for (int i = 0; i < term_count; i++) transposed |= terms[i].transposed;
  if (m <= PUNA_FEW_ROWS && !transposed) {
    puna_gemm_few_rows(context, bf16, m, terms, term_count, destinations, destination_count);
    return;
  }
  plan plan = {.context = context, .kernels = puna_gemm_kernels_of(puna_context_isa(context)), .bf16 = bf16, .m = m};
  if (puna_context_isa(context) == PUNA_ISA_GENERIC) plan.sgemm = atomic_load(&generic_sgemm);

  int most_intervals = 0, most_pieces = 0;
  for (int i = 0; i < destination_count; i++) most_intervals += 2 * term_count + 1;
  for (int i = 0; i < term_count; i++) most_pieces += puna_term_depth(&terms[i]) / least_part_units + 2;
  interval *intervals = malloc((size_t)most_intervals * (sizeof *intervals + (size_t)most_pieces * sizeof(piece)) + 64);
  if (!intervals) abort();
  piece *pieces = (piece *)(intervals + most_intervals);
  plan.intervals = intervals;

  long panels = 0, longest = 0;
  int most_parts = 1;
  for (int i = 0; i < destination_count; i++) {
    const puna_destination *destination = &destinations[i];
    for (int begin = destination->n_begin, end = begin + destination->n_count; begin < end;) {
      interval *interval = &intervals[plan.interval_count++];
      interval->destination = destination;
      interval->begin = begin;
      interval->end = begin = puna_next_cut(terms, term_count, begin, end);
      interval->pieces = pieces;
      interval->piece_count = 0;
      interval->parts = 1;
      long units = 0;
      for (int j = 0; j < term_count; j++) {
        if (!puna_term_covers(&terms[j], interval->begin)) continue;
        int count = cut_pieces(pieces, &terms[j], bf16);
        for (int p = 0; p < count; p++) {
          /* A short term shares the part before it. */
          long more = piece_units(&pieces[p], bf16);
          if (units && units + more > part_units + short_units) {
            interval->parts++;
            units = 0;
          }
          pieces[p].part = interval->parts - 1;
          units += more;
          longest = puna_max_long(longest, units);
        }
        pieces += count;
        interval->piece_count += count;
      }
      most_parts = interval->parts > most_parts ? interval->parts : most_parts;
      interval->first_panel = panels;
      panels += puna_ceil_div(interval->end - interval->begin, panel_columns);
    }
  }

  /* Rows are cut so that those of a block stay in the last cache from panel to panel, and into more blocks where panels are few; each
     block packs the panels anew. */
  enum { most_rows = 2048, least_rows = 96, wanted_tasks = 16, most_quartered = 4 };
  long blocks = puna_ceil_div(m, most_rows);
  if (panels && panels * blocks < wanted_tasks)
    blocks = puna_max_long(blocks, puna_min_long(puna_ceil_div(wanted_tasks, panels), m / least_rows));
  plan.rows_per_task = puna_ceil_div(puna_ceil_div(m, blocks), row_step) * row_step;
  plan.panels = panels;
  long tasks = panels * puna_ceil_div(m, plan.rows_per_task);
  long quartered = plan.rows_per_task < 4 * least_rows ? 0 : puna_min_long(most_quartered, tasks / wanted_tasks);
  plan.whole_tasks = tasks - quartered;
  plan.tasks = plan.whole_tasks + 4 * quartered;

  /* Packing may write two vectors of rows too many. */
  plan.panel_bytes = (size_t)(longest + 2 * plan.kernels->vector_floats) * panel_columns * 4;
  long tile_rows = most_parts > 1 || plan.sgemm ? plan.rows_per_task : 16;
  plan.scratch_bytes = plan.panel_bytes + (size_t)tile_rows * panel_columns * 4;
  puna_parallel_for(context, plan.tasks, run_task, &plan);
  free(intervals);
}

/* MARK: - Rank-r gradients */

typedef struct {
  puna_context *context;
  const puna_gemm_kernels *kernels;
  int bf16, n, rank, columns, transpose;
  const char *du, *x;
  size_t du_stride, x_stride;
  char *du_transposed;
  size_t transposed_stride;
  float *g;
  size_t g_stride;
} rank_plan;

enum { rank_block = 256 };

/* du of one block of rows, transposed, so that it can stand where x stands in a product. */
static void transpose_block(void *argument, long index, int worker) {
  (void)worker;
  const rank_plan *plan = argument;
  long begin = index * rank_block, end = puna_min_long(plan->n, begin + rank_block);
  size_t size = plan->bf16 ? 2 : 4;
  for (int r = 0; r < plan->rank; r++) {
    char *target = plan->du_transposed + (size_t)r * plan->transposed_stride + (size_t)begin * size;
    const char *source = plan->du + ((size_t)begin * plan->du_stride + (size_t)r) * size;
    for (long i = begin; i < end; i++, target += size, source += plan->du_stride * size) memcpy(target, source, size);
    /* An odd row's partner. */
    if (end == plan->n) memset(target, 0, size);
  }
}

static void rank_task(void *argument, long index, int worker) {
  const rank_plan *plan = argument;
  const puna_gemm_kernels *kernels = plan->kernels;
  size_t size = plan->bf16 ? 2 : 4;
  int floats = kernels->vector_floats, full = kernels->tile_vectors * floats;
  int begin = (int)index * panel_columns, end = (int)puna_min_long(plan->columns, begin + panel_columns);
  puna_segment segment = {.bytes = plan->x,
                          .row_byte_stride = plan->x_stride * size,
                          .dtype = plan->bf16 ? PUNA_BFLOAT16 : PUNA_FLOAT32,
                          .row_count = plan->n,
                          .column_count = plan->columns};
  puna_weight weight = {.segments = &segment, .segment_count = 1, .rows = plan->n, .columns = plan->columns};
  int block_units = plan->bf16 ? rank_block / 2 : rank_block;
  uint32_t *panel = puna_scratch(plan->context, worker, (size_t)(block_units + 32 + 16) * panel_columns * 4);
  float *tile = (float *)(panel + (block_units + 32) * panel_columns);
  for (int row = 0; row < plan->n; row += rank_block) {
    int row_end = (int)puna_min_long(plan->n, row + rank_block);
    puna_gemm_strip strip = {.x = plan->du_transposed + (size_t)row * size,
                             .stride = plan->transposed_stride,
                             .units = plan->bf16 ? (row_end - row + 1) / 2 : row_end - row};
    for (int column = begin; column < end; column += full) {
      int columns = (int)puna_min_long(full, end - column);
      int vectors = (int)puna_ceil_div(columns, floats), width = vectors * floats;
      kernels->pack(plan->bf16, &weight, 1, column, columns, row, row_end, width, panel);
      int tile_rows = kernels->tile_rows[vectors - 1];
      for (int r = 0; r < plan->rank; r += tile_rows) {
        int rows = (int)puna_min_long(tile_rows, plan->rank - r);
        kernels->multiply(plan->bf16, rows, vectors, &strip, 1, r, panel, tile, 0, &(puna_gemm_fetch){.next = (const char *)panel});
        if (!plan->transpose) {
          kernels->finish(PUNA_ADD, 1, rows, columns, tile, width, plan->g + (size_t)r * plan->g_stride + column, plan->g_stride);
          continue;
        }
        for (int j = 0; j < columns; j++)
          for (int i = 0; i < rows; i++) plan->g[(size_t)(column + j) * plan->g_stride + (size_t)(r + i)] += tile[i * width + j];
      }
    }
  }
}

void puna_rank_gradient(puna_context *context, int bf16, int n, int rank, int columns, const void *du, size_t du_stride, const void *x,
                        size_t x_stride, float *g, size_t g_stride, int transpose) {
  if (n <= 0 || rank <= 0 || columns <= 0) return;
  rank_plan plan = {.context = context, .kernels = puna_gemm_kernels_of(puna_context_isa(context)), .bf16 = bf16, .n = n, .rank = rank,
                    .columns = columns, .transpose = transpose, .du = du, .x = x, .du_stride = du_stride, .x_stride = x_stride, .g = g,
                    .g_stride = g_stride};
  plan.transposed_stride = ((size_t)n + 2) * (bf16 ? 2 : 4) / 64 * 64 + 64;
  plan.du_transposed = puna_shared_scratch(context, plan.transposed_stride * (size_t)rank);
  puna_parallel_for(context, puna_ceil_div(n, rank_block), transpose_block, &plan);
  puna_parallel_for(context, puna_ceil_div(columns, panel_columns), rank_task, &plan);
}
