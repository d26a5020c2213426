#include "include/probe.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "context_private.h"
#include "gemm_kernels.h"

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

typedef struct {
  const puna_gemm_kernels *kernels;
  int bf16;
  long rounds;
  const char *buffer;
  size_t chunk;
  _Atomic uint64_t sum;
} probe;

static void saturate(void *argument, long index, int worker) {
  (void)index, (void)worker;
  probe *probe = argument;
  probe->kernels->saturate(probe->bf16, probe->rounds);
}

double puna_measure_peak(puna_context *context, int bf16, double seconds) {
  probe probe = {.kernels = puna_gemm_kernels_of(puna_context_isa(context)), .bf16 = bf16, .rounds = 10000};
  double per_round = probe.kernels->saturate(bf16, 1);
  if (per_round == 0) return 0;
  /* Parts of about 0.1 ms, so that all workers end together. */
  double start = now();
  saturate(&probe, 0, 0);
  double once = now() - start;
  probe.rounds = (long)puna_max_long(1, (long)(10000 * 1e-4 / once));
  long count = puna_max_long(4L * puna_context_threads(context), (long)(seconds / 1e-4) * puna_context_threads(context));
  start = now();
  puna_parallel_for(context, count, saturate, &probe);
  return per_round * (double)probe.rounds * (double)count / (now() - start);
}

static void fill(void *argument, long index, int worker) {
  (void)worker;
  probe *probe = argument;
  uint64_t *words = (uint64_t *)(probe->buffer + (size_t)index * probe->chunk);
  for (size_t i = 0; i < probe->chunk / 8; i++) words[i] = i;
}

static void sum(void *argument, long index, int worker) {
  (void)worker;
  probe *probe = argument;
  atomic_fetch_add(&probe->sum, probe->kernels->read(probe->buffer + (size_t)index * probe->chunk, probe->chunk));
}

double puna_measure_bandwidth(puna_context *context, double seconds) {
  enum { chunks = 256 };
  const size_t bytes = (size_t)256 << 20;
  void *buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer == MAP_FAILED) return 0;
#if defined(MADV_HUGEPAGE)
  madvise(buffer, bytes, MADV_HUGEPAGE);
#endif
  probe probe = {.kernels = puna_gemm_kernels_of(puna_context_isa(context)), .buffer = buffer, .chunk = bytes / chunks};
  puna_parallel_for(context, chunks, fill, &probe);
  double start = now(), best = 0;
  do {
    double turn = now();
    puna_parallel_for(context, chunks, sum, &probe);
    double rate = (double)bytes / (now() - turn);
    if (rate > best) best = rate;
  } while (now() - start < seconds);
  munmap(buffer, bytes);
  return best;
}
