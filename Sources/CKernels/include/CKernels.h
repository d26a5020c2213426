#ifndef PUNA_CKERNELS_H
#define PUNA_CKERNELS_H
#include "context.h"
#include "weight.h"
#include "gemm.h"
#include "attention.h"
#include "elementwise.h"
#include "merge.h"
#include "probe.h"
#include "vocabulary.h"
#endif
