/* What attention.c hands to the kernels of one instruction set. */
#ifndef PUNA_ATTENTION_KERNELS_H
#define PUNA_ATTENTION_KERNELS_H
#include "include/attention.h"

/* Keys are taken in tiles of 64 within their segment, queries in tiles whose size divides 64: a row then sees a key of every tile that
   its query tile visits. */
enum { PUNA_KEY_TILE = 64 };
/* Key tiles of a segment that one task of backward takes together, so that a query tile is stacked once for all of them. */
enum { PUNA_KEY_BLOCK = 4 };

/* Rows `begin` ..< `begin + count` of a matrix, which are positions `first` ..< `first + count` of their segment. */
typedef struct {
  int segment, begin, first, count;
  int packed_row; /* of a key tile: where it lies in the packed matrices, in rows */
} puna_attention_tile;

typedef struct {
  int key_tile_begin, query_tile_begin;
  int descendant_begin; /* in the list of descendants; backward only */
} puna_attention_place;

typedef struct {
  const puna_attention *attention;
  int group;           /* query heads of a key-value head */
  int query_tile;      /* positions */
  int padded_rows;     /* rows of all key tiles, each padded to a multiple of 16 */
  int key_tile_count, query_tile_count, key_block_count;
  const puna_attention_tile *key_tiles, *query_tiles;
  const int *key_blocks;              /* first key tile of each */
  const puna_attention_place *places; /* one per segment and one past the end */
  const int *descendants;             /* of each segment, in rising order */

  /* The key-value heads of this pass, and their packed matrices: 32-bit words, [head][matrix]. */
  int head_begin, head_count;
  int packs_in_tasks; /* forward: nothing is packed before; each query tile packs what it sees, a key tile at a time */
  uint32_t *packed;
  size_t packed_head; /* words of one head */

  void *output;
  float *log_sum_exp;
  size_t output_stride;

  const void *d_output, *saved_output;
  float *delta;
  void *dq, *dk, *dv;
  size_t d_output_stride, dq_stride, dk_stride, dv_stride;
} puna_attention_call;

/* Works on task `index` with `scratch` of the size that the functions below give. */
typedef void (*puna_attention_task)(const puna_attention_call *call, long index, void *scratch);

typedef struct {
  /* Tasks: key tile, head. */
  puna_attention_task pack_forward, pack_backward;
  /* Tasks: query tile (the last, which see most keys, first), head. */
  puna_attention_task forward, backward_queries;
  /* Tasks: block of key tiles, head. */
  puna_attention_task backward_keys;
  /* Tasks: blocks of PUNA_DELTA_ROWS rows. */
  puna_attention_task delta;
} puna_attention_kernels;

enum { PUNA_DELTA_ROWS = 16 };

/* A head dimension rounded up to whole vectors of any instruction set. */
static inline size_t puna_padded_dimension(int dimension) { return ((size_t)dimension + 15) & ~(size_t)15; }

extern const puna_attention_kernels puna_attention_table_generic, puna_attention_table_avx2, puna_attention_table_avx512,
    puna_attention_table_avx512bf16;
#endif
