/* AVX2 with fused multiply-add: eight floats a vector, sixteen registers. */
#include "isa.h"
#if defined(__x86_64__)
#define FN(name) name##_avx2
#define VECTOR_FLOATS 8
#define ISA_AVX2 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "isa.inc.h"
#pragma clang attribute pop
#endif
