/* The kernels of one instruction set; each file ends in its table, `FN(puna_<part>_table)`. */
#include "gemm.inc.h"
#if __has_include("elementwise.inc.h")
#include "elementwise.inc.h"
#endif
#if __has_include("attention.inc.h")
#include "attention.inc.h"
#endif
