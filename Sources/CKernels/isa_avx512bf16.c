/* AVX-512 with dot products of bf16 pairs. */
#include "isa.h"
#if defined(__x86_64__)
#define FN(name) name##_avx512bf16
#define VECTOR_FLOATS 16
#define ISA_AVX2 1
#define ISA_AVX512 1
#define ISA_AVX512_BF16 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))), apply_to = function)
#include "isa.inc.h"
#pragma clang attribute pop
#endif
