/* What elementwise.c hands to the kernels of one instruction set: a call's operands, and the rows (or blocks) to work on. */
#ifndef PUNA_ELEMENTWISE_KERNELS_H
#define PUNA_ELEMENTWISE_KERNELS_H
#include "include/elementwise.h"

typedef struct {
  const puna_weight *weight;
  const int32_t *tokens; /* NULL: row i of the weight for row i */
  float *y;
  size_t y_stride;
} puna_gather_call;

typedef struct {
  int bf16, columns;
  const float *h, *scale;
  float epsilon;
  void *y, *normalized;
  float *inverse_rms;
  size_t h_stride, y_stride, normalized_stride;
} puna_rms_norm_call;

typedef struct {
  int bf16, columns;
  const float *dy, *scale, *inverse_rms;
  const void *normalized;
  float *dh;
  size_t dy_stride, normalized_stride, dh_stride;
} puna_rms_norm_backward_call;

/* y from x and, where there are any, column scales or gradients. */
typedef struct {
  int bf16, columns;
  const void *x, *dy;
  const float *scale;
  void *y;
  size_t x_stride, dy_stride, y_stride;
} puna_map_call;

typedef struct {
  int bf16, heads, head_dimension, inverse;
  const int32_t *positions;
  const float *cosines, *sines;
  void *x;
  size_t x_stride;
} puna_rotate_call;

typedef struct {
  int bf16, vocabulary;
  const float *logits, *weights;
  const int32_t *targets, *target_begin;
  float *log_probability;
  int32_t *row_argmax;
  void *d_logits;
  size_t logits_stride, d_logits_stride;
} puna_cross_entropy_call;

typedef struct {
  int bf16, columns, add;
  const void *x;
  const uint64_t *row_hashes;
  uint64_t seed;
  uint32_t salt, threshold;
  float scale;
  void *y;
  size_t x_stride, y_stride;
} puna_dropout_call;

typedef struct {
  const float *x;
  size_t count;
  double *sums; /* one per block */
} puna_sum_of_squares_call;

typedef struct {
  float *parameter, *first_moment, *second_moment;
  const float *gradient;
  size_t count;
  /* The scalars that torch.optim.AdamW computes in double, rounded where a tensor operation uses them. */
  float gradient_scale, keep, lerp, beta2, one_minus_beta2, root_correction2, epsilon, minus_step;
} puna_adamw_call;

enum { PUNA_SUM_BLOCK = 4096, PUNA_ADAMW_BLOCK = 4096 };

/* Works on rows or blocks begin ..< end of `call`, one of the structures above. */
typedef void (*puna_rows_kernel)(const void *call, long begin, long end);

typedef struct {
  puna_rows_kernel gather, rms_norm, scale_columns, rms_norm_backward, swiglu, swiglu_backward, rotate, convert, widen_rows,
      cross_entropy, dropout, sum_of_squares, adamw;
} puna_elementwise_kernels;

extern const puna_elementwise_kernels puna_elementwise_table_generic, puna_elementwise_table_avx2, puna_elementwise_table_avx512,
    puna_elementwise_table_avx512bf16;
#endif
