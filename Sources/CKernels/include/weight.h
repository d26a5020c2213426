/* Frozen base weights: blocks of mapped files, read in place. */
#ifndef PUNA_WEIGHT_H
#define PUNA_WEIGHT_H
#include "context.h"

/* A block of a weight, row-major as it lies in a file. Files promise no alignment. */
typedef struct {
  const void *bytes;          /* the block's first element */
  size_t row_byte_stride;     /* bytes from one stored row to the next */
  puna_dtype dtype;
  int row_begin, row_count;   /* rows of the weight that the block fills */
  int column_begin, column_count;
  int rotary_head_dimension;  /* 0: rows as stored. Otherwise, within each head of this many rows, row i of the first half is stored
                                 at 2i and row i of the second half at 2i + 1 (Meta's order). */
} puna_segment;

/* A weight [rows, columns] covered exactly once by its segments, which are sorted by row, then column. */
typedef struct {
  const puna_segment *segments;
  int segment_count;
  int rows, columns;
} puna_weight;
#endif
