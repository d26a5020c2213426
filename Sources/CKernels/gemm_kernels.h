/* Micro-kernels of the packed product, one table per instruction set.
   A unit is 32 bits along k: a pair of bf16, or one float32. A packed panel is [units][width] units, so that one vector holds the same
   unit of neighbouring columns and the matching unit of x is broadcast. Both precisions therefore share layout, driver and tiling. */
#ifndef PUNA_GEMM_KERNELS_H
#define PUNA_GEMM_KERNELS_H
#include "include/gemm.h"

/* Rows of x and the stretch of k that a part of a panel multiplies. */
typedef struct {
  const char *x;  /* row 0, at the stretch's first unit */
  size_t stride;  /* bytes from row to row */
  long units;
} puna_gemm_strip;

enum { PUNA_PANEL_COLUMNS = 64, PUNA_TILE_VECTORS = 4 };

/* Lines to bring into the cache on the way: from each 16 units to the next, three neighbouring ones, `step` bytes further. */
typedef struct {
  const char *next;
  size_t step;
} puna_gemm_fetch;

typedef struct {
  int vector_floats;
  int tile_vectors;                  /* vectors of a full tile; narrower ones exist for every smaller number */
  int tile_rows[PUNA_TILE_VECTORS];  /* the highest tile of 1, 2, ... vectors; lower ones exist for every smaller number */
  int bf16;                          /* whether there are kernels for bf16 pairs */

  /* Writes columns column ..< column + columns and k_begin ..< k_end of op(weight) to panel, `width` >= columns units a row. May write up
     to 2 · vector_floats rows more than it must; columns beyond `columns` hold no meaning. */
  void (*pack)(int bf16, const puna_weight *weight, int transposed, int column, int columns, int k_begin, int k_end, int width,
               uint32_t *panel);
  /* tile [rows, vectors · vector_floats] = (continued ? tile : 0) + strips · panel, summed in rising k whatever the tile's size. */
  void (*multiply)(int bf16, int rows, int vectors, const puna_gemm_strip *strips, int n_strips, long row, const uint32_t *panel, float *tile,
                   int continued, const puna_gemm_fetch *fetch);
  /* Writes a tile to its destination, `columns` of every row. */
  void (*finish)(puna_destination_kind kind, float scale, int rows, int columns, const float *tile, int tile_stride, void *y,
                 size_t y_stride);
  /* Runs the product instruction on registers; returns the floating-point operations done. */
  double (*saturate)(int bf16, long rounds);
  /* Reads a 64-byte aligned buffer of a multiple of 1,024 bytes; returns something that depends on it. */
  uint64_t (*read)(const void *buffer, size_t bytes);
} puna_gemm_kernels;

extern const puna_gemm_kernels puna_gemm_table_generic, puna_gemm_table_avx2, puna_gemm_table_avx512, puna_gemm_table_avx512bf16;

/* The table of an instruction set. */
const puna_gemm_kernels *puna_gemm_kernels_of(puna_isa isa);
#endif
