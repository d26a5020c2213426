/* Everything between the products. Matrices are row-major; strides count elements; "element type" is bf16 (bf16 = 1) or float32.
   Each call runs on all workers of the context, partitioned by shape. Operands written here have their row padding (up to the next
   multiple of 32 elements) zeroed, as puna_gemm requires. */
#ifndef PUNA_ELEMENTWISE_H
#define PUNA_ELEMENTWISE_H
#include "weight.h"

/* h[i] = row tokens[i] of the embedding, widened to float32. */
void puna_gather(puna_context *context, const puna_weight *embedding, const int32_t *tokens, int n, float *h, size_t h_stride);

/* A whole small weight (a norm's scale), widened to float32 [rows, columns]. */
void puna_widen(puna_context *context, const puna_weight *weight, float *y, size_t y_stride);

/* Copies n rows of so many bytes, strides in bytes: y[i] = x[rows[i]], and y[rows[i]] = x[i] for distinct rows. */
void puna_gather_rows(puna_context *context, const void *x, size_t x_stride, const int32_t *rows, int n, size_t bytes, void *y, size_t y_stride);
void puna_scatter_rows(puna_context *context, const void *x, size_t x_stride, const int32_t *rows, int n, size_t bytes, void *y, size_t y_stride);

/* Root mean square norm (Zhang & Sennrich, arXiv 1910.07467): inverse_rms = 1 / sqrt(mean(h²) + epsilon), normalized = h · inverse_rms,
   y = normalized · scale (computed in float32, rounded once). `normalized` may be NULL. y and normalized in the element type. */
void puna_rms_norm(puna_context *context, int bf16, int n, int columns, const float *h, size_t h_stride, const float *scale, float epsilon,
                   void *y, size_t y_stride, void *normalized, size_t normalized_stride, float *inverse_rms);
/* y = x · scale column by column: the norm's output again, from what it saved. */
void puna_scale_columns(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, const float *scale, void *y,
                        size_t y_stride);
/* dh += inverse_rms · (dy·scale − normalized · mean(dy·scale·normalized)); dy and dh float32. */
void puna_rms_norm_backward(puna_context *context, int bf16, int n, int columns, const float *dy, size_t dy_stride, const float *scale,
                            const void *normalized, size_t normalized_stride, const float *inverse_rms, float *dh, size_t dh_stride);

/* y = silu(gate) · up (Shazeer, arXiv 2002.05202); gate and up are the halves of gate_up [n, 2 · columns]. */
void puna_swiglu(puna_context *context, int bf16, int n, int columns, const void *gate_up, size_t gate_up_stride, void *y, size_t y_stride);
/* d_gate_up [n, 2 · columns] from dy [n, columns], both in the element type. */
void puna_swiglu_backward(puna_context *context, int bf16, int n, int columns, const void *dy, size_t dy_stride, const void *gate_up,
                          size_t gate_up_stride, void *d_gate_up, size_t d_gate_up_stride);

/* Rotary positions (Su et al., arXiv 2104.09864), halves rotated as Hugging Face does, in place on x [n, heads · head_dimension]:
   (a, b) -> (a·cos − b·sin, b·cos + a·sin) for a in the first half of a head and b in the second; inverse = 1 turns back.
   cosines and sines are [positions, head_dimension / 2] float32, row positions[i] for row i. */
void puna_rotate(puna_context *context, int bf16, int n, int heads, int head_dimension, const int32_t *positions, const float *cosines,
                 const float *sines, int inverse, void *x, size_t x_stride);

/* Element type conversions: y = x rounded to nearest even (to_bf16 = 1) or copied, with row padding zeroed. x float32. */
void puna_convert(puna_context *context, int to_bf16, int n, int columns, const float *x, size_t x_stride, void *y, size_t y_stride);
/* y = float32 of x. */
void puna_widen_rows(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, float *y, size_t y_stride);

/* Log-softmax cross-entropy of rows of logits [n, vocabulary] float32. Row i has targets target_begin[i] ..< target_begin[i + 1] of
   `targets`. log_probability has one entry per target, row_argmax one per row (the lowest index among equals; may be NULL).
   With weights (one per target) d_logits [n, vocabulary], in the element type, becomes sum over targets of
   weight · (onehot(target) − softmax), the gradient of sum(weight · log_probability); NULL weights: d_logits is not touched. d_logits may
   begin where logits begin, with the same bytes from row to row: a row is then overwritten behind what is read of it. */
void puna_cross_entropy(puna_context *context, int bf16, int n, int vocabulary, const float *logits, size_t logits_stride,
                        const int32_t *targets, const int32_t *target_begin, const float *weights, float *log_probability,
                        int32_t *row_argmax, void *d_logits, size_t d_logits_stride);

/* Dropout on the input of a LoRA branch: y = mask · x / (1 − p), in the element type. The mask of (row, feature) comes from Philox4x32-10
   with key = seed, and counter = (feature / 4, row hash low, row hash high, salt), word feature % 4; kept where word · 2⁻³² >= p.
   `salt` tells steps and modules apart. */
void puna_dropout(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, const uint64_t *row_hashes,
                  uint64_t seed, uint32_t salt, float probability, void *y, size_t y_stride);
/* y += mask · x / (1 − p), float32: dropout's backward. */
void puna_dropout_add(puna_context *context, int n, int columns, const float *x, size_t x_stride, const uint64_t *row_hashes, uint64_t seed,
                      uint32_t salt, float probability, float *y, size_t y_stride);

/* Sum of squares in double, over fixed blocks of 4096 elements summed in order; NaN and infinity stay visible. */
double puna_sum_of_squares(puna_context *context, size_t count, const float *x);

/* AdamW as torch.optim.AdamW computes it (Loshchilov & Hutter, arXiv 1711.05101), with the gradient multiplied by gradient_scale first:
   p −= rate·decay·p; m = lerp(m, g, 1 − beta1); v = beta2·v + (1 − beta2)·g²; p −= rate/correction1 · m / (sqrt(v)/sqrt(correction2) + epsilon),
   correction1 = 1 − beta1^step, correction2 = 1 − beta2^step, computed by the caller in double. */
void puna_adamw(puna_context *context, size_t count, float *parameter, const float *gradient, float *first_moment, float *second_moment,
                double gradient_scale, double rate, double decay, double beta1, double beta2, double epsilon, double correction1,
                double correction2);
#endif
