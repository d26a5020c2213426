/* Everything that must be included before the target attribute of an instruction set is pushed: headers included under it would
   compile their inline functions for that set. */
#ifndef PUNA_ISA_H
#define PUNA_ISA_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "context_private.h"
#include "gemm_kernels.h"
#include "weight_private.h"
#include "elementwise_kernels.h"
#include "attention_kernels.h"
#include "merge_kernels.h"
#include "few_rows_kernels.h"
#endif
