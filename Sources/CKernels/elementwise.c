/* Operations between the products: operands into calls, calls over the workers. The loops are in elementwise.inc.h. */
#include "elementwise_kernels.h"

#include <math.h>
#include <string.h>

typedef struct {
  puna_rows_kernel kernel;
  const void *call;
  long count, step;
} job;

static void run_task(void *argument, long index, int worker) {
  (void)worker;
  const job *j = argument;
  const long begin = index * j->step, end = begin + j->step;
  j->kernel(j->call, begin, end < j->count ? end : j->count);
}

/* Tasks of about 32 K elements, so that a task costs far more than claiming it; their bounds depend on the shape alone. */
static void run(puna_context *context, puna_rows_kernel kernel, const void *call, long count, size_t row_elements) {
  const long step = row_elements >= 32768 ? 1 : (long)(32768 / (row_elements > 0 ? row_elements : 1));
  job j = {kernel, call, count, step};
  if (count > 0) puna_parallel_for(context, (count + step - 1) / step, run_task, &j);
}

static const puna_elementwise_kernels *kernels(const puna_context *context) {
#if defined(__x86_64__)
  switch (puna_context_isa(context)) {
    case PUNA_ISA_AVX512_BF16: return &puna_elementwise_table_avx512bf16;
    case PUNA_ISA_AVX512: return &puna_elementwise_table_avx512;
    case PUNA_ISA_AVX2: return &puna_elementwise_table_avx2;
    default: break;
  }
#else
  (void)context;
#endif
  return &puna_elementwise_table_generic;
}

void puna_gather(puna_context *context, const puna_weight *embedding, const int32_t *tokens, int n, float *h, size_t h_stride) {
  const puna_gather_call call = {embedding, tokens, h, h_stride};
  run(context, kernels(context)->gather, &call, n, (size_t)embedding->columns);
}

void puna_widen(puna_context *context, const puna_weight *weight, float *y, size_t y_stride) {
  const puna_gather_call call = {weight, NULL, y, y_stride};
  run(context, kernels(context)->gather, &call, weight->rows, (size_t)weight->columns);
}

typedef struct {
  const char *x;
  char *y;
  const int32_t *rows;
  size_t x_stride, y_stride, bytes;
  int scatters;
} move_call;

static void move_rows(const void *argument, long begin, long end) {
  const move_call *call = argument;
  for (long i = begin; i < end; ++i) {
    const size_t from = (size_t)(call->scatters ? i : call->rows[i]), to = (size_t)(call->scatters ? call->rows[i] : i);
    memcpy(call->y + to * call->y_stride, call->x + from * call->x_stride, call->bytes);
  }
}

void puna_gather_rows(puna_context *context, const void *x, size_t x_stride, const int32_t *rows, int n, size_t bytes, void *y,
                      size_t y_stride) {
  const move_call call = {.x = x, .y = y, .rows = rows, .x_stride = x_stride, .y_stride = y_stride, .bytes = bytes};
  run(context, move_rows, &call, n, bytes);
}

void puna_scatter_rows(puna_context *context, const void *x, size_t x_stride, const int32_t *rows, int n, size_t bytes, void *y,
                       size_t y_stride) {
  const move_call call = {.x = x, .y = y, .rows = rows, .x_stride = x_stride, .y_stride = y_stride, .bytes = bytes, .scatters = 1};
  run(context, move_rows, &call, n, bytes);
}

void puna_rms_norm(puna_context *context, int bf16, int n, int columns, const float *h, size_t h_stride, const float *scale, float epsilon,
                   void *y, size_t y_stride, void *normalized, size_t normalized_stride, float *inverse_rms) {
  const puna_rms_norm_call call = {
      .bf16 = bf16, .columns = columns, .h = h, .scale = scale, .epsilon = epsilon, .y = y, .normalized = normalized,
      .inverse_rms = inverse_rms, .h_stride = h_stride, .y_stride = y_stride, .normalized_stride = normalized_stride};
  run(context, kernels(context)->rms_norm, &call, n, (size_t)columns);
}

void puna_scale_columns(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, const float *scale, void *y,
                        size_t y_stride) {
  const puna_map_call call = {
      .bf16 = bf16, .columns = columns, .x = x, .scale = scale, .y = y, .x_stride = x_stride, .y_stride = y_stride};
  run(context, kernels(context)->scale_columns, &call, n, (size_t)columns);
}

void puna_rms_norm_backward(puna_context *context, int bf16, int n, int columns, const float *dy, size_t dy_stride, const float *scale,
                            const void *normalized, size_t normalized_stride, const float *inverse_rms, float *dh, size_t dh_stride) {
  const puna_rms_norm_backward_call call = {
      .bf16 = bf16, .columns = columns, .dy = dy, .scale = scale, .inverse_rms = inverse_rms, .normalized = normalized, .dh = dh,
      .dy_stride = dy_stride, .normalized_stride = normalized_stride, .dh_stride = dh_stride};
  run(context, kernels(context)->rms_norm_backward, &call, n, (size_t)columns);
}

void puna_swiglu(puna_context *context, int bf16, int n, int columns, const void *gate_up, size_t gate_up_stride, void *y, size_t y_stride) {
  const puna_map_call call = {
      .bf16 = bf16, .columns = columns, .x = gate_up, .y = y, .x_stride = gate_up_stride, .y_stride = y_stride};
  run(context, kernels(context)->swiglu, &call, n, (size_t)columns);
}

void puna_swiglu_backward(puna_context *context, int bf16, int n, int columns, const void *dy, size_t dy_stride, const void *gate_up,
                          size_t gate_up_stride, void *d_gate_up, size_t d_gate_up_stride) {
  const puna_map_call call = {
      .bf16 = bf16, .columns = columns, .x = gate_up, .dy = dy, .y = d_gate_up, .x_stride = gate_up_stride, .dy_stride = dy_stride,
      .y_stride = d_gate_up_stride};
  run(context, kernels(context)->swiglu_backward, &call, n, (size_t)columns);
}

void puna_rotate(puna_context *context, int bf16, int n, int heads, int head_dimension, const int32_t *positions, const float *cosines,
                 const float *sines, int inverse, void *x, size_t x_stride) {
  const puna_rotate_call call = {
      .bf16 = bf16, .heads = heads, .head_dimension = head_dimension, .inverse = inverse, .positions = positions, .cosines = cosines,
      .sines = sines, .x = x, .x_stride = x_stride};
  run(context, kernels(context)->rotate, &call, n, (size_t)heads * (size_t)head_dimension);
}

void puna_convert(puna_context *context, int to_bf16, int n, int columns, const float *x, size_t x_stride, void *y, size_t y_stride) {
  const puna_map_call call = {.bf16 = to_bf16, .columns = columns, .x = x, .y = y, .x_stride = x_stride, .y_stride = y_stride};
  run(context, kernels(context)->convert, &call, n, (size_t)columns);
}

void puna_widen_rows(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, float *y, size_t y_stride) {
  const puna_map_call call = {.bf16 = bf16, .columns = columns, .x = x, .y = y, .x_stride = x_stride, .y_stride = y_stride};
  run(context, kernels(context)->widen_rows, &call, n, (size_t)columns);
}

void puna_cross_entropy(puna_context *context, int bf16, int n, int vocabulary, const float *logits, size_t logits_stride,
                        const int32_t *targets, const int32_t *target_begin, const float *weights, float *log_probability,
                        int32_t *row_argmax, void *d_logits, size_t d_logits_stride) {
  const puna_cross_entropy_call call = {
      .bf16 = bf16, .vocabulary = vocabulary, .logits = logits, .weights = weights, .targets = targets, .target_begin = target_begin,
      .log_probability = log_probability, .row_argmax = row_argmax, .d_logits = d_logits, .logits_stride = logits_stride,
      .d_logits_stride = d_logits_stride};
  run(context, kernels(context)->cross_entropy, &call, n, (size_t)vocabulary);
}

/* word · 2⁻³² >= p for an integer word: word >= ceil(p · 2³²), exact in double. */
static uint32_t dropout_threshold(float probability) { return (uint32_t)ceil((double)probability * 0x1p32); }

void puna_dropout(puna_context *context, int bf16, int n, int columns, const void *x, size_t x_stride, const uint64_t *row_hashes,
                  uint64_t seed, uint32_t salt, float probability, void *y, size_t y_stride) {
  const puna_dropout_call call = {
      .bf16 = bf16, .columns = columns, .x = x, .row_hashes = row_hashes, .seed = seed, .salt = salt,
      .threshold = dropout_threshold(probability), .scale = 1.0f / (1.0f - probability), .y = y, .x_stride = x_stride,
      .y_stride = y_stride};
  run(context, kernels(context)->dropout, &call, n, (size_t)columns);
}

void puna_dropout_add(puna_context *context, int n, int columns, const float *x, size_t x_stride, const uint64_t *row_hashes, uint64_t seed,
                      uint32_t salt, float probability, float *y, size_t y_stride) {
  const puna_dropout_call call = {
      .columns = columns, .add = 1, .x = x, .row_hashes = row_hashes, .seed = seed, .salt = salt,
      .threshold = dropout_threshold(probability), .scale = 1.0f / (1.0f - probability), .y = y, .x_stride = x_stride,
      .y_stride = y_stride};
  run(context, kernels(context)->dropout, &call, n, (size_t)columns);
}

double puna_sum_of_squares(puna_context *context, size_t count, const float *x) {
  const size_t blocks = (count + PUNA_SUM_BLOCK - 1) / PUNA_SUM_BLOCK;
  if (blocks == 0) return 0;
  /* The kernels take no scratch of their own, so worker 0's holds the blocks' sums. */
  double *sums = puna_scratch(context, 0, blocks * sizeof(double));
  const puna_sum_of_squares_call call = {x, count, sums};
  run(context, kernels(context)->sum_of_squares, &call, (long)blocks, PUNA_SUM_BLOCK);
  double sum = 0;
  for (size_t block = 0; block < blocks; ++block) sum += sums[block];
  return sum;
}

void puna_adamw(puna_context *context, size_t count, float *parameter, const float *gradient, float *first_moment, float *second_moment,
                double gradient_scale, double rate, double decay, double beta1, double beta2, double epsilon, double correction1,
                double correction2) {
  const puna_adamw_call call = {
      .parameter = parameter, .first_moment = first_moment, .second_moment = second_moment, .gradient = gradient, .count = count,
      .gradient_scale = (float)gradient_scale, .keep = (float)(1 - rate * decay), .lerp = (float)(1 - beta1), .beta2 = (float)beta2,
      .one_minus_beta2 = (float)(1 - beta2), .root_correction2 = (float)sqrt(correction2), .epsilon = (float)epsilon,
      .minus_step = (float)(-(rate / correction1))};
  run(context, kernels(context)->adamw, &call, (long)((count + PUNA_ADAMW_BLOCK - 1) / PUNA_ADAMW_BLOCK), PUNA_ADAMW_BLOCK);
}
