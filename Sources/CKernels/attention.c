/* Attention's plan: which tiles there are, who sees whom, and in which order the workers take them. The arithmetic is in
   attention.inc.h. */
#include "attention_kernels.h"

#include <string.h>

static const puna_attention_kernels *kernels(const puna_context *context) {
#if defined(__x86_64__)
  switch (puna_context_isa(context)) {
    case PUNA_ISA_AVX512_BF16: return &puna_attention_table_avx512bf16;
    case PUNA_ISA_AVX512: return &puna_attention_table_avx512;
    case PUNA_ISA_AVX2: return &puna_attention_table_avx2;
    default: break;
  }
#else
  (void)context;
#endif
  return &puna_attention_table_generic;
}

/* Stacked rows (positions · query heads of a key-value head) of a query tile: enough to use a tile of keys well, few enough to stay in
   the cache beside it. */
static int query_tile_positions(int group) {
  int positions = PUNA_KEY_TILE;
  while (positions > 4 && positions * group > 128) positions /= 2;
  return positions;
}

/* Packed matrices of the key-value heads of a pass take at most about this much, so that long batches of many heads stay small. */
static const size_t packed_bytes_limit = (size_t)8 << 20;

typedef struct {
  puna_attention_call call;
  puna_attention_task task;
  puna_context *context;
  size_t scratch_bytes;
  void *first_scratch; /* worker 0's, behind the plan and the packed matrices */
} pass;

static void run_task(void *argument, long index, int worker) {
  const pass *p = argument;
  p->task(&p->call, index, worker == 0 ? p->first_scratch : puna_scratch(p->context, worker, p->scratch_bytes));
}

static void run(pass *p, puna_attention_task task, long count) {
  p->task = task;
  puna_parallel_for(p->context, count, run_task, p);
}

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static int ceil_divide(int a, int b) { return (a + b - 1) / b; }

/* Lays out the plan, the packed matrices (`matrices` of them for each head of a pass) and the scratch of worker 0 in that worker's scratch
   memory, and fills the plan. Returns the key-value heads of a pass. */
static int make_plan(pass *p, puna_context *context, const puna_attention *attention, int matrices, int backward, size_t scratch_bytes) {
  const int segments = attention->segment_count;
  puna_attention_call *call = &p->call;
  call->attention = attention;
  call->group = attention->heads / attention->key_value_heads;
  call->query_tile = query_tile_positions(call->group);
  p->context = context;
  p->scratch_bytes = scratch_bytes;

  long key_tiles = 0, key_blocks = 0, query_tiles = 0, descendants = 0, padded_rows = 0;
  for (int s = 0; s < segments; ++s) {
    const puna_attention_segment *segment = &attention->segments[s];
    key_tiles += ceil_divide(segment->count, PUNA_KEY_TILE);
    key_blocks += ceil_divide(segment->count, PUNA_KEY_TILE * PUNA_KEY_BLOCK);
    padded_rows += (segment->count + 15) & ~15;
    if (!segment->resident) query_tiles += ceil_divide(segment->count, call->query_tile);
    if (!backward) continue;
    for (int a = segment->parent; a >= 0; a = attention->segments[a].parent) ++descendants;
  }
  call->packed_head = (size_t)matrices * (size_t)padded_rows * puna_padded_dimension(attention->head_dimension);
  const size_t head_bytes = call->packed_head * sizeof(uint32_t);
  int heads = attention->key_value_heads;
  if (head_bytes > 0 && (size_t)heads > packed_bytes_limit / head_bytes) heads = (int)(packed_bytes_limit / head_bytes);
  if (heads < 1) heads = 1;

  const size_t key_bytes = aligned((size_t)key_tiles * sizeof(puna_attention_tile));
  const size_t query_bytes = aligned((size_t)query_tiles * sizeof(puna_attention_tile));
  const size_t place_bytes = aligned(((size_t)segments + 1) * sizeof(puna_attention_place));
  const size_t descendant_bytes = aligned((size_t)descendants * sizeof(int));
  const size_t block_bytes = aligned((size_t)key_blocks * sizeof(int));
  const size_t used_bytes = aligned((size_t)segments);
  if (call->packs_in_tasks) heads = attention->key_value_heads;
  const size_t packed_bytes = call->packs_in_tasks ? 0 : aligned((size_t)heads * head_bytes);
  char *memory = puna_scratch(
      context, 0, key_bytes + query_bytes + place_bytes + descendant_bytes + block_bytes + used_bytes + packed_bytes + scratch_bytes);
  puna_attention_tile *key = (void *)memory, *query = (void *)(memory += key_bytes);
  puna_attention_place *places = (void *)(memory += query_bytes);
  int *descendant = (void *)(memory += place_bytes);
  int *block = (void *)(memory += descendant_bytes);
  char *used = memory += block_bytes;
  call->packed = (void *)(memory += used_bytes);
  p->first_scratch = memory + packed_bytes;

  /* Keys that no query sees are not packed. */
  memset(used, 0, (size_t)segments);
  for (int s = segments - 1; s >= 0; --s) {
    const puna_attention_segment *segment = &attention->segments[s];
    if (!segment->resident && segment->count > 0) used[s] = 1;
    if (used[s] && segment->parent >= 0) used[segment->parent] = 1;
  }

  memset(places, 0, ((size_t)segments + 1) * sizeof *places);
  int packed_row = 0;
  call->key_tile_count = call->query_tile_count = call->key_block_count = 0;
  for (int s = 0; s < segments; ++s) {
    const puna_attention_segment *segment = &attention->segments[s];
    places[s].key_tile_begin = call->key_tile_count;
    places[s].query_tile_begin = call->query_tile_count;
    for (int first = 0; used[s] && first < segment->count; first += PUNA_KEY_TILE) {
      const int left = segment->count - first, count = left < PUNA_KEY_TILE ? left : PUNA_KEY_TILE;
      if (first % (PUNA_KEY_TILE * PUNA_KEY_BLOCK) == 0) block[call->key_block_count++] = call->key_tile_count;
      key[call->key_tile_count++] = (puna_attention_tile){s, segment->begin + first, first, count, packed_row};
      packed_row += (count + 15) & ~15;
    }
    for (int first = 0; !segment->resident && first < segment->count; first += call->query_tile) {
      const int left = segment->count - first, count = left < call->query_tile ? left : call->query_tile;
      query[call->query_tile_count++] = (puna_attention_tile){s, segment->begin + first, first, count, 0};
    }
    if (!backward) continue;
    for (int a = segment->parent; a >= 0; a = attention->segments[a].parent) ++places[a + 1].descendant_begin;
  }
  places[segments].key_tile_begin = call->key_tile_count;
  places[segments].query_tile_begin = call->query_tile_count;
  if (backward) {
    for (int s = 0; s < segments; ++s) places[s + 1].descendant_begin += places[s].descendant_begin;
    /* Filling moves each beginning to its end, so the beginnings are moved back after it. */
    for (int s = 0; s < segments; ++s) {
      for (int a = attention->segments[s].parent; a >= 0; a = attention->segments[a].parent) descendant[places[a].descendant_begin++] = s;
    }
    for (int s = segments; s > 0; --s) places[s].descendant_begin = places[s - 1].descendant_begin;
    places[0].descendant_begin = 0;
  }
  call->padded_rows = packed_row;
  call->packed_head = (size_t)matrices * (size_t)packed_row * puna_padded_dimension(attention->head_dimension);
  call->key_tiles = key;
  call->query_tiles = query;
  call->key_blocks = block;
  call->places = places;
  call->descendants = descendant;
  return heads;
}

/* Scratch of a task: `rows` matrices of stacked query rows, `scores` tiles of scores, `keys` matrices of a key tile's rows, and the
   rows' statistics. */
static size_t task_scratch(const puna_attention *attention, int rows, int scores, int keys) {
  const int group = attention->heads / attention->key_value_heads;
  const size_t stacked = ((size_t)(query_tile_positions(group) * group) + 7) & ~(size_t)7;
  const size_t dimension = puna_padded_dimension(attention->head_dimension);
  return sizeof(float) *
         (stacked * (dimension * (size_t)rows + PUNA_KEY_TILE * (size_t)scores + 32) + dimension * PUNA_KEY_TILE * (size_t)keys);
}

/* Whether every segment is a single query tile, as in decoding, and few key tiles are seen by several: packing them where they are used
   then needs no memory that grows with the context, and no region of its own. The packed numbers are the same. */
static int packs_in_tasks(const puna_attention *attention) {
  const int query_tile = query_tile_positions(attention->heads / attention->key_value_heads);
  long seen = 0, tiles = 0;
  for (int s = 0; s < attention->segment_count; ++s) {
    tiles += ceil_divide(attention->segments[s].count, PUNA_KEY_TILE);
    if (attention->segments[s].resident) continue;
    if (attention->segments[s].count > query_tile) return 0;
    for (int a = s; a >= 0; a = attention->segments[a].parent) seen += ceil_divide(attention->segments[a].count, PUNA_KEY_TILE);
  }
  return seen <= 2 * tiles;
}

void puna_attention_forward(puna_context *context, const puna_attention *attention, void *output, size_t output_stride,
                            float *log_sum_exp) {
  if (attention->rows == 0) return;
  const puna_attention_kernels *table = kernels(context);
  pass p = {.call = {.output = output, .output_stride = output_stride, .log_sum_exp = log_sum_exp}};
  p.call.packs_in_tasks = packs_in_tasks(attention);
  const int heads = make_plan(&p, context, attention, 2, 0, task_scratch(attention, 2, 1, p.call.packs_in_tasks ? 2 : 0));
  for (int head = 0; head < attention->key_value_heads; head += heads) {
    const int left = attention->key_value_heads - head;
    p.call.head_begin = head;
    p.call.head_count = left < heads ? left : heads;
    if (!p.call.packs_in_tasks) run(&p, table->pack_forward, (long)p.call.key_tile_count * p.call.head_count);
    run(&p, table->forward, (long)p.call.query_tile_count * p.call.head_count);
  }
}

void puna_attention_backward(puna_context *context, const puna_attention *attention, const void *output, size_t output_stride,
                             const float *log_sum_exp, const void *d_output, size_t d_output_stride, float *delta,
                             void *dq, size_t dq_stride, void *dk, size_t dk_stride, void *dv, size_t dv_stride) {
  if (attention->rows == 0) return;
  const puna_attention_kernels *table = kernels(context);
  pass p = {
      .call = {
          .saved_output = output, .output_stride = output_stride, .log_sum_exp = (float *)log_sum_exp, .d_output = d_output,
          .d_output_stride = d_output_stride, .delta = delta, .dq = dq, .dq_stride = dq_stride, .dk = dk, .dk_stride = dk_stride,
          .dv = dv, .dv_stride = dv_stride}};
  const int heads = make_plan(&p, context, attention, 3, 1, task_scratch(attention, 4, 2, 2 * PUNA_KEY_BLOCK));
  run(&p, table->delta, ceil_divide(attention->rows, PUNA_DELTA_ROWS));
  for (int head = 0; head < attention->key_value_heads; head += heads) {
    const int left = attention->key_value_heads - head;
    p.call.head_begin = head;
    p.call.head_count = left < heads ? left : heads;
    run(&p, table->pack_backward, (long)p.call.key_tile_count * p.call.head_count);
    run(&p, table->backward_queries, (long)p.call.query_tile_count * p.call.head_count);
    run(&p, table->backward_keys, (long)p.call.key_block_count * p.call.head_count);
  }
}
