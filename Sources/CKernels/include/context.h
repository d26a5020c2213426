/* Instruction set, worker pool and per-worker scratch memory: what every kernel runs in. */
#ifndef PUNA_CONTEXT_H
#define PUNA_CONTEXT_H
#include <stddef.h>
#include <stdint.h>

/* In rising order; a set includes those before it. Kernels for NEON and AMX would be further members. */
typedef enum { PUNA_ISA_GENERIC = 0, PUNA_ISA_AVX2 = 1, PUNA_ISA_AVX512 = 2, PUNA_ISA_AVX512_BF16 = 3, PUNA_ISA_COUNT = 4 } puna_isa;

/* Element types that kernels read. */
typedef enum { PUNA_FLOAT32 = 0, PUNA_FLOAT16 = 1, PUNA_BFLOAT16 = 2 } puna_dtype;

/* The best instruction set that this processor and operating system offer. */
puna_isa puna_best_isa(void);
const char *puna_isa_name(puna_isa isa);

/* Processors this process may use: the smaller of its affinity mask and its control group's quota (rounded up), at least 1. */
int puna_available_cores(void);

/* A context has `threads` workers, the calling thread among them. Used by one thread at a time. NULL when threads cannot be made. */
typedef struct puna_context puna_context;
puna_context *puna_context_create(int threads, puna_isa isa);
void puna_context_destroy(puna_context *context);
int puna_context_threads(const puna_context *context);
puna_isa puna_context_isa(const puna_context *context);

/* Runs body(argument, index, worker) for every index below count, each exactly once, claimed dynamically in rising order; returns
   when all are done. Which worker runs an index is not determined, so a result must depend on the index alone.
   Not to be called from inside a body. */
void puna_parallel_for(puna_context *context, long count, void (*body)(void *argument, long index, int worker), void *argument);

/* Has the system provide the pages of a fresh mapping now, all workers together: whoever first writes to a page waits for that otherwise. */
void puna_populate(puna_context *context, void *memory, size_t bytes);

/* Scratch memory of one worker, 64-byte aligned, at least `bytes` long; contents are lost by the next call for that worker.
   It grows on demand and is kept. */
void *puna_scratch(puna_context *context, int worker, size_t bytes);
/* Bytes of scratch that all workers hold. */
size_t puna_scratch_bytes(const puna_context *context);
#endif
