/* What this machine can do, measured: the yardsticks of every speed that Puna reports. */
#ifndef PUNA_PROBE_H
#define PUNA_PROBE_H
#include "context.h"

/* Floating-point operations per second of the product instruction on registers alone, all workers together, over about `seconds`:
   bf16 dot products (bf16 = 1, 0 where there are none) or float32 fused multiply-adds. */
double puna_measure_peak(puna_context *context, int bf16, double seconds);
/* Bytes per second that all workers together read from memory, over buffers far larger than the caches. */
double puna_measure_bandwidth(puna_context *context, double seconds);
#endif
