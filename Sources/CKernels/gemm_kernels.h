/* Micro-kernels of the packed product, one table per instruction set. */
#ifndef PUNA_GEMM_KERNELS_H
#define PUNA_GEMM_KERNELS_H
#include "include/gemm.h"

typedef struct { int placeholder; } puna_gemm_kernels;

extern const puna_gemm_kernels puna_gemm_table_generic, puna_gemm_table_avx2, puna_gemm_table_avx512, puna_gemm_table_avx512bf16;
#endif
