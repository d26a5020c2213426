/* The kernels of one instruction set; each file ends in its table, `FN(puna_<part>_table)`. */
#include "gemm.inc.h"
#include "few_rows.inc.h"
#include "elementwise.inc.h"
#include "attention.inc.h"
#include "merge.inc.h"
