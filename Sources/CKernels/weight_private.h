/* Finding elements of a weight in its segments. */
#ifndef PUNA_WEIGHT_PRIVATE_H
#define PUNA_WEIGHT_PRIVATE_H
#include <string.h>
#include "include/weight.h"

static inline size_t puna_dtype_bytes(puna_dtype dtype) { return dtype == PUNA_FLOAT32 ? 4 : 2; }

static inline const puna_segment *puna_find_segment(const puna_weight *weight, int row, int column) {
  const puna_segment *segment = weight->segments;
  for (int i = 0; i < weight->segment_count; i++, segment++)
    if (row >= segment->row_begin && row - segment->row_begin < segment->row_count && column >= segment->column_begin &&
        column - segment->column_begin < segment->column_count)
      return segment;
  return weight->segments;
}

/* Where element (row, column) of the weight lies; both must be the segment's. */
static inline const char *puna_segment_address(const puna_segment *segment, int row, int column) {
  long stored = row - segment->row_begin;
  int dimension = segment->rotary_head_dimension;
  if (dimension) {
    long within = stored % dimension, half = dimension / 2;
    stored = stored - within + (within < half ? 2 * within : 2 * (within - half) + 1);
  }
  return (const char *)segment->bytes + (size_t)stored * segment->row_byte_stride +
         (size_t)(column - segment->column_begin) * puna_dtype_bytes(segment->dtype);
}

static inline float puna_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static inline uint32_t puna_bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

/* Exact: a half's exponent is rebiased by a multiplication, which also normalises subnormals. */
static inline float puna_float_of_half(uint16_t half) {
  uint32_t magnitude = half & 0x7fff;
  uint32_t bits = puna_bits_of_float(puna_float_of_bits(magnitude << 13) * 0x1p112f);
  if (magnitude >= 0x7c00) bits |= 0x7f800000;
  return puna_float_of_bits(bits | (uint32_t)(half & 0x8000) << 16);
}

/* Rounded to nearest even; NaN stays NaN. */
static inline uint16_t puna_bf16_of_float(float value) {
  uint32_t bits = puna_bits_of_float(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float puna_element(const void *address, puna_dtype dtype) {
  uint16_t bits;
  if (dtype == PUNA_FLOAT32) {
    float value;
    memcpy(&value, address, 4);
    return value;
  }
  memcpy(&bits, address, 2);
  return dtype == PUNA_BFLOAT16 ? puna_float_of_bits((uint32_t)bits << 16) : puna_float_of_half(bits);
}
#endif
