/* Vectors of VECTOR_FLOATS floats in clang's vector extensions: one source for every instruction set. Included by the files that push
   a target attribute; every function here is inlined into them. */
#ifndef PUNA_VECTOR_INC_H
#define PUNA_VECTOR_INC_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vfloat __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef int32_t vint __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef uint32_t vuint __attribute__((vector_size(4 * VECTOR_FLOATS)));
typedef uint16_t vushort __attribute__((vector_size(2 * VECTOR_FLOATS)));
typedef double vdouble __attribute__((vector_size(8 * VECTOR_FLOATS)));

#define VECTOR_INLINE static inline __attribute__((always_inline, unused))

/* Calls step(i, lanes) over 0 ..< count, in whole vectors, then once for the rest: `lanes` is a constant in the first, so that copies of
   `lanes` elements become plain loads and stores. */
#define FOR_VECTORS(count, step)                                                    \
  do {                                                                              \
    const long vectors_end = (long)(count) / VECTOR_FLOATS * VECTOR_FLOATS;         \
    for (long i = 0; i < vectors_end; i += VECTOR_FLOATS) { step(i, VECTOR_FLOATS); } \
    if (vectors_end < (long)(count)) { step(vectors_end, (int)((long)(count) - vectors_end)); } \
  } while (0)

VECTOR_INLINE vfloat v_splat(float x) { return x - (vfloat){0}; }
VECTOR_INLINE vuint v_bits(vfloat x) { return (vuint)x; }
VECTOR_INLINE vfloat v_select(vint mask, vfloat yes, vfloat no) {
  return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
}

/* memcpy of up to a vector of elements, in pieces of constant size: a call of the library's would cost more than the copy. */
VECTOR_INLINE void v_copy(void *to, const void *from, int lanes, const size_t size) {
  char *y = to;
  const char *x = from;
  if (lanes == VECTOR_FLOATS) {
    memcpy(y, x, VECTOR_FLOATS * size);
    return;
  }
#define COPY(piece)                  \
  if (lanes & piece) {               \
    memcpy(y, x, piece * size);      \
    x += piece * size;               \
    y += piece * size;               \
  }
  COPY(8)
  COPY(4)
  COPY(2)
  COPY(1)
#undef COPY
}

/* The first `lanes` floats at p; the other lanes are zero. */
VECTOR_INLINE vfloat v_load(const float *p, int lanes) {
  vfloat v = {0};
  v_copy(&v, p, lanes, sizeof(float));
  return v;
}
VECTOR_INLINE void v_store(float *p, vfloat v, int lanes) { v_copy(p, &v, lanes, sizeof(float)); }

/* Float32 to bf16, to nearest even in integers: the same for denormals in every instruction set. NaN stays NaN (made quiet). */
VECTOR_INLINE vushort v_to_bf16(vfloat x) {
  const vuint u = v_bits(x);
  const vuint rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const vuint is_nan = (vuint)(x != x);
  return __builtin_convertvector((is_nan & ((u >> 16) | 0x40u)) | (~is_nan & rounded), vushort);
}
VECTOR_INLINE vfloat v_from_bf16(vushort x) { return (vfloat)(__builtin_convertvector(x, vuint) << 16); }
/* Half precision to float32 in integers, exact; denormals by conversion of their integer. */
VECTOR_INLINE vfloat v_from_half(vushort x) {
  const vuint u = __builtin_convertvector(x, vuint), magnitude = u & 0x7fffu;
  const vuint special = (vuint)(magnitude >= 0x7c00u), small = (vuint)(magnitude < 0x400u);
  const vuint normal = (magnitude << 13) + (112u << 23) + (special & (112u << 23));
  const vuint denormal = v_bits(__builtin_convertvector((vint)magnitude, vfloat) * 0x1p-24f);
  return (vfloat)((small & denormal) | (~small & normal) | ((u & 0x8000u) << 16));
}

/* Element `index` on of a matrix in bf16 or float32. */
VECTOR_INLINE vfloat v_load_element(const void *x, size_t index, int lanes, int bf16) {
  if (!bf16) return v_load((const float *)x + index, lanes);
  vushort v = {0};
  v_copy(&v, (const uint16_t *)x + index, lanes, sizeof(uint16_t));
  return v_from_bf16(v);
}
VECTOR_INLINE void v_store_element(void *y, size_t index, vfloat v, int lanes, int bf16) {
  if (!bf16) {
    v_store((float *)y + index, v, lanes);
  } else {
    const vushort rounded = v_to_bf16(v);
    v_copy((uint16_t *)y + index, &rounded, lanes, sizeof(uint16_t));
  }
}

/* e^x to about one unit in the last place, with Cephes's polynomial (Moshier, expf.c): x = n ln 2 + r. Overflow gives infinity,
   underflow goes through the denormals to 0, NaN stays NaN. */
VECTOR_INLINE vfloat v_exp(vfloat x) {
#pragma clang fp reassociate(off)
#ifdef ISA_AVX512
  /* The second operand passes where one is NaN. */
  x = _mm512_max_ps(v_splat(-104.0f), _mm512_min_ps(v_splat(89.0f), x));
  const vfloat n = _mm512_roundscale_ps(x * 1.44269504088896341f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const vfloat magic = v_splat(12582912.0f); /* 1.5 · 2^23: adding it rounds to an integer, which then lies in the low bits */
  /* Comparisons with NaN are false, so NaN passes. */
  x = v_select(x > 89.0f, v_splat(89.0f), x);
  x = v_select(x < -104.0f, v_splat(-104.0f), x);
  const vfloat shifted = x * 1.44269504088896341f + magic, n = shifted - magic;
#endif
  vfloat r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vfloat p = v_splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * (r * r) + r) + 1.0f;
#ifdef ISA_AVX512
  return _mm512_scalef_ps(p, n); /* p · 2^n, rounded once, as below */
#else
  /* 2^n in two factors, each a normal number, so that n = 128 and the denormals come out right. */
  const vint exponent = (vint)(v_bits(shifted) - v_bits(magic)), half = exponent >> 1;
  const vfloat first = (vfloat)((vuint)(half + 127) << 23), second = (vfloat)((vuint)(exponent - half + 127) << 23);
  return p * first * second;
#endif
}

/* 2^x to about two units in the last place (a minimax polynomial on half an octave each way, 2^0 = 1). What is below 2^-120 becomes
   2^-120, which is nothing beside the 1 that every softmax and sigmoid holds; what is above 2^127 becomes that or infinity. NaN stays. */
VECTOR_INLINE vfloat v_exp2(vfloat x) {
#pragma clang fp reassociate(off)
#ifdef ISA_AVX512
  x = _mm512_max_ps(v_splat(-120.0f), x); /* the second operand where one is NaN */
  const vfloat n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  x = v_select(x < -120.0f, v_splat(-120.0f), x);
  x = v_select(x > 127.0f, v_splat(127.0f), x);
  const vfloat magic = v_splat(12582912.0f), shifted = x + magic, n = shifted - magic;
#endif
  const vfloat r = x - n;
  vfloat p = v_splat(0x1.5bba14p-10f);
  p = p * r + 0x1.3cea88p-7f;
  p = p * r + 0x1.c6b752p-5f;
  p = p * r + 0x1.ebf9bcp-3f;
  p = p * r + 0x1.62e42ap-1f;
  p = p * r + 1.0f;
#ifdef ISA_AVX512
  return _mm512_scalef_ps(p, n);
#else
  return p * (vfloat)(v_bits(shifted) - v_bits(magic) + 127u << 23);
#endif
}

/* Lanes added in a fixed order, in double. */
VECTOR_INLINE double v_sum(vfloat v) {
  double sum = 0;
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) sum += (double)v[lane];
  return sum;
}
/* The same in float32 by halves: fewer steps, for sums of sums. */
VECTOR_INLINE float v_total(vfloat v) {
#if VECTOR_FLOATS == 16
  v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
#elif VECTOR_FLOATS == 8
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
#endif
  return (v[0] + v[2]) + (v[1] + v[3]);
}
/* The greater of two, b where one is NaN: one instruction on x86. */
VECTOR_INLINE vfloat v_max(vfloat a, vfloat b) { return v_select(a > b, a, b); }
/* The largest lane. */
VECTOR_INLINE float v_maximum(vfloat v) {
#if VECTOR_FLOATS == 16
  v = v_max(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = v_max(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
#elif VECTOR_FLOATS == 8
  v = v_max(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
#endif
  const float even = v[0] > v[2] ? v[0] : v[2], odd = v[1] > v[3] ? v[1] : v[3];
  return even > odd ? even : odd;
}
/* By address: a vector wider than a register has no settled way to be passed. */
VECTOR_INLINE double v_sum_double(const vdouble *v) {
  double sum = 0;
  for (int lane = 0; lane < VECTOR_FLOATS; ++lane) sum += (*v)[lane];
  return sum;
}
/* The element-type spelling of "zero from column `columns` up to the next multiple of 32". */
VECTOR_INLINE void v_zero_padding(void *y, size_t row_begin, int columns, int bf16) {
  const size_t size = bf16 ? sizeof(uint16_t) : sizeof(float), padding = (size_t)(-columns & 31);
  if (padding != 0) memset((char *)y + (row_begin + (size_t)columns) * size, 0, padding * size);
}
#endif
