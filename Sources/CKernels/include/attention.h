/* Causal attention over a forest of segments: blocked, with online softmax; no t x t matrix is ever held.
   Milakov & Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135. */
#ifndef PUNA_ATTENTION_H
#define PUNA_ATTENTION_H
#include "context.h"

/* A run of rows. A row sees its own segment up to itself, and every row of its ancestors. */
typedef struct {
  int parent;    /* index in the list, before this one; -1 for a root */
  int resident;  /* 1: keys and values lie in the resident matrices (a KV cache) and the segment has no queries */
  int begin;     /* first row, in the batch's or in the resident matrices */
  int count;     /* rows; may be 0 for a resident segment */
} puna_attention_segment;

/* q, output and their gradients are [rows, heads · head_dimension]; k, v and theirs [rows, key_value_heads · head_dimension].
   Query head h uses key-value head h / (heads / key_value_heads). Elements are bf16 (bf16 = 1) or float32; strides count elements. */
typedef struct {
  const puna_attention_segment *segments;
  int segment_count;
  int rows;  /* of the batch */
  int heads, key_value_heads, head_dimension;
  float scale;  /* multiplies q · k: 1 / sqrt(head_dimension); positive */
  int bf16;
  const void *q, *k, *v;
  size_t q_stride, k_stride, v_stride;
  const void *resident_k, *resident_v;
  size_t resident_stride;
} puna_attention;

/* output = softmax(scale · q kᵀ) v; log_sum_exp [rows, heads] float32 is what backward needs. Like every operand, the output has its row
   padding (up to the next multiple of 32 elements) zeroed. Products of bf16 elements run on bf16 dot products where the instruction set
   has them (probabilities and score gradients are then rounded to bf16), else in float32. */
void puna_attention_forward(puna_context *context, const puna_attention *attention, void *output, size_t output_stride,
                            float *log_sum_exp);

/* dq, dk, dv from d_output, all in the element type of the call. No segment may be resident. Nothing but their own columns is written:
   they may be neighbours in one matrix. Rows of dk and dv belong to one task per key-value head and block of key tiles, which walks its
   own and its descendants' query tiles in order: results do not depend on the number of threads. `delta` is scratch, [rows, heads]
   float32. */
void puna_attention_backward(puna_context *context, const puna_attention *attention, const void *output, size_t output_stride,
                             const float *log_sum_exp, const void *d_output, size_t d_output_stride, float *delta,
                             void *dq, size_t dq_stride, void *dk, size_t dk_stride, void *dv, size_t dv_stride);
#endif
