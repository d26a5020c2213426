/* AVX-512: sixteen floats a vector, thirty-two registers. */
#include "isa.h"
#if defined(__x86_64__)
#define FN(name) name##_avx512
#define VECTOR_FLOATS 16
#define ISA_AVX2 1
#define ISA_AVX512 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#include "isa.inc.h"
#pragma clang attribute pop
#endif
