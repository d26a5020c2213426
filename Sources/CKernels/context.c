#define _GNU_SOURCE
#include "context_private.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* MARK: - The machine */

puna_isa puna_best_isa(void) {
#if defined(__x86_64__)
  /* These builtins ask the operating system too: registers that it does not save are not reported. */
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c") || !__builtin_cpu_supports("bmi2"))
    return PUNA_ISA_GENERIC;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512dq"))
    return PUNA_ISA_AVX2;
  return __builtin_cpu_supports("avx512bf16") ? PUNA_ISA_AVX512_BF16 : PUNA_ISA_AVX512;
#else
  return PUNA_ISA_GENERIC;
#endif
}

const char *puna_isa_name(puna_isa isa) {
  static const char *const names[PUNA_ISA_COUNT] = {"generic", "avx2", "avx512", "avx512bf16"};
  return isa < PUNA_ISA_COUNT ? names[isa] : "unknown";
}

#if defined(__linux__)
/* Cores that `quota` microseconds in every `period` are worth, rounded up; 0 when there is no limit. */
static int cores_of_quota(long long quota, long long period) {
  return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

static int read_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  int read = fgets(line, size, file) != NULL;
  fclose(file);
  return read;
}

/* The limit that one control group sets (version 2: cpu.max; version 1: cpu.cfs_*), 0 when it sets none. */
static int group_limit(const char *directory) {
  char path[1200], line[128];
  long long quota, period;
  snprintf(path, sizeof path, "%s/cpu.max", directory);
  if (read_line(path, line, sizeof line)) return sscanf(line, "%lld %lld", &quota, &period) == 2 ? cores_of_quota(quota, period) : 0;
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
  if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &quota) != 1) return 0;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
  if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &period) != 1) return 0;
  return cores_of_quota(quota, period);
}

/* The tightest limit from a group up to the root of its hierarchy. */
static int tightest_limit(const char *root, const char *group) {
  char directory[1024];
  int tightest = 0;
  int length = snprintf(directory, sizeof directory, "%s%s", root, group);
  if (length < 0 || length >= (int)sizeof directory) return 0;
  for (;;) {
    int limit = group_limit(directory);
    if (limit && (!tightest || limit < tightest)) tightest = limit;
    char *slash = strrchr(directory, '/');
    if (!slash || (size_t)(slash - directory) < strlen(root)) return tightest;
    *slash = 0;
  }
}

static int quota_cores(void) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return 0;
  char line[700];
  int tightest = 0;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    controllers++;
    char root[800];
    int limit = 0;
    if (!*controllers) {
      limit = tightest_limit("/sys/fs/cgroup", group);
    } else if (!strcmp(controllers, "cpu") || !strncmp(controllers, "cpu,", 4) || strstr(controllers, ",cpu,") ||
               (strlen(controllers) > 4 && !strcmp(controllers + strlen(controllers) - 4, ",cpu"))) {
      snprintf(root, sizeof root, "/sys/fs/cgroup/%s", controllers);
      limit = tightest_limit(access(root, F_OK) == 0 ? root : "/sys/fs/cgroup/cpu", group);
    }
    if (limit && (!tightest || limit < tightest)) tightest = limit;
  }
  fclose(file);
  return tightest;
}
#endif

int puna_available_cores(void) {
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  int quota = quota_cores();
  if (quota && quota < cores) cores = quota;
#endif
  return cores > 0 ? cores : 1;
}

/* MARK: - Worker pool */

typedef struct {
  puna_context *context;
  int index;
  pthread_t thread;
  void *scratch;
  size_t scratch_bytes;
  char padding[64];
} worker;

/* The state of a region in one word, so that a worker joins it or misses it as a whole: generation · 2³², whether it is open, and how
   many workers are inside. A worker that wakes late finds the region closed; nobody waits for it. */
#define REGION_OPEN (UINT64_C(1) << 31)
#define REGION_ACTIVE (REGION_OPEN - 1)

struct puna_context {
  int threads;
  puna_isa isa;
  worker *workers;  /* one more than threads: the last has no thread and holds the shared scratch */

  _Alignas(64) _Atomic uint64_t state;
  _Alignas(64) atomic_long next;
  _Alignas(64) long count;
  void (*body)(void *argument, long index, int worker);
  void *argument;

  _Alignas(64) pthread_mutex_t mutex;
  pthread_cond_t work, done;
  atomic_int parked;
  atomic_int caller_parked;
  atomic_int stopping;
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* A parked region costs 46 µs, a spinning one 0.4; the gaps within a training step are shorter than this. */
static const int64_t spin_nanoseconds = 100000;

static void work_on(puna_context *context, int worker) {
  for (;;) {
    long index = atomic_fetch_add_explicit(&context->next, 1, memory_order_relaxed);
    if (index >= context->count) return;
    context->body(context->argument, index, worker);
  }
}

static int wanted(puna_context *context, uint64_t state, uint32_t seen) {
  return (uint32_t)(state >> 32) != seen || atomic_load(&context->stopping);
}

static void *worker_main(void *argument) {
  worker *self = argument;
  puna_context *context = self->context;
  uint32_t seen = 0;
  for (;;) {
    int64_t deadline = 0;
    for (int turn = 0; !wanted(context, atomic_load_explicit(&context->state, memory_order_acquire), seen); turn++) {
      relax();
      if (turn % 64) continue;
      int64_t now = now_nanoseconds();
      if (!deadline) deadline = now + spin_nanoseconds;
      if (now < deadline) continue;
      pthread_mutex_lock(&context->mutex);
      atomic_fetch_add(&context->parked, 1);
      while (!wanted(context, atomic_load(&context->state), seen)) pthread_cond_wait(&context->work, &context->mutex);
      atomic_fetch_sub(&context->parked, 1);
      pthread_mutex_unlock(&context->mutex);
    }
    if (atomic_load(&context->stopping)) return NULL;
    uint64_t state = atomic_load(&context->state);
    while ((state & REGION_OPEN) && !atomic_compare_exchange_weak(&context->state, &state, state + 1)) {}
    seen = (uint32_t)(state >> 32);
    if (!(state & REGION_OPEN)) continue;
    work_on(context, self->index);
    state = atomic_fetch_sub(&context->state, 1) - 1;
    if (!(state & (REGION_OPEN | REGION_ACTIVE)) && atomic_load(&context->caller_parked)) {
      pthread_mutex_lock(&context->mutex);
      pthread_cond_signal(&context->done);
      pthread_mutex_unlock(&context->mutex);
    }
  }
}

void puna_parallel_for(puna_context *context, long count, void (*body)(void *argument, long index, int worker), void *argument) {
  if (count <= 1 || context->threads == 1) {
    for (long index = 0; index < count; index++) body(argument, index, 0);
    return;
  }
  context->body = body;
  context->argument = argument;
  context->count = count;
  atomic_store_explicit(&context->next, 0, memory_order_relaxed);
  uint64_t generation = (atomic_load_explicit(&context->state, memory_order_relaxed) >> 32) + 1;
  atomic_store(&context->state, (generation << 32) | REGION_OPEN);
  if (atomic_load(&context->parked)) {
    pthread_mutex_lock(&context->mutex);
    pthread_cond_broadcast(&context->work);
    pthread_mutex_unlock(&context->mutex);
  }
  work_on(context, 0);
  atomic_fetch_and(&context->state, ~REGION_OPEN);

  int64_t deadline = 0;
  for (int turn = 1; atomic_load_explicit(&context->state, memory_order_acquire) & REGION_ACTIVE; turn++) {
    relax();
    if (turn % 64) continue;
    int64_t now = now_nanoseconds();
    if (!deadline) deadline = now + spin_nanoseconds;
    if (now < deadline) continue;
    pthread_mutex_lock(&context->mutex);
    atomic_store(&context->caller_parked, 1);
    while (atomic_load(&context->state) & REGION_ACTIVE) pthread_cond_wait(&context->done, &context->mutex);
    atomic_store(&context->caller_parked, 0);
    pthread_mutex_unlock(&context->mutex);
  }
}

/* Ends and frees the workers after the first `started`. */
static void stop(puna_context *context, int started) {
  pthread_mutex_lock(&context->mutex);
  atomic_store(&context->stopping, 1);
  pthread_cond_broadcast(&context->work);
  pthread_mutex_unlock(&context->mutex);
  for (int i = 1; i < started; i++) pthread_join(context->workers[i].thread, NULL);
  for (int i = 0; i <= context->threads; i++)
    if (context->workers[i].scratch) munmap(context->workers[i].scratch, context->workers[i].scratch_bytes);
  pthread_cond_destroy(&context->work);
  pthread_cond_destroy(&context->done);
  pthread_mutex_destroy(&context->mutex);
  free(context->workers);
  free(context);
}

puna_context *puna_context_create(int threads, puna_isa isa) {
  if (threads < 1 || isa > puna_best_isa()) return NULL;
  puna_context *context = aligned_alloc(64, (sizeof *context + 63) / 64 * 64);
  if (!context) return NULL;
  memset(context, 0, sizeof *context);
  context->workers = calloc((size_t)threads + 1, sizeof *context->workers);
  if (!context->workers) {
    free(context);
    return NULL;
  }
  context->threads = threads;
  context->isa = isa;
  pthread_mutex_init(&context->mutex, NULL);
  pthread_cond_init(&context->work, NULL);
  pthread_cond_init(&context->done, NULL);
  for (int i = 0; i <= threads; i++) context->workers[i] = (worker){.context = context, .index = i};
  for (int i = 1; i < threads; i++)
    if (pthread_create(&context->workers[i].thread, NULL, worker_main, &context->workers[i])) {
      stop(context, i);
      return NULL;
    }
  return context;
}

void puna_context_destroy(puna_context *context) {
  if (context) stop(context, context->threads);
}

int puna_context_threads(const puna_context *context) { return context->threads; }
puna_isa puna_context_isa(const puna_context *context) { return context->isa; }

/* MARK: - Memory */

typedef struct {
  char *memory;
  size_t bytes;
} population;

enum { populated_bytes = 16 << 20 };

static void populate(void *argument, long index, int worker) {
  (void)worker;
  const population *call = argument;
  char *begin = call->memory + (size_t)index * populated_bytes;
  const size_t left = call->bytes - (size_t)index * populated_bytes, bytes = left < populated_bytes ? left : populated_bytes;
#if defined(MADV_POPULATE_WRITE)
  if (madvise(begin, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  for (size_t i = 0; i < bytes; i += 4096) *(volatile char *)(begin + i) = 0;
}

void puna_populate(puna_context *context, void *memory, size_t bytes) {
  population call = {memory, bytes};
  puna_parallel_for(context, (long)((bytes + populated_bytes - 1) / populated_bytes), populate, &call);
}

/* MARK: - Scratch */

void *puna_scratch(puna_context *context, int index, size_t bytes) {
  worker *worker = &context->workers[index];
  if (bytes <= worker->scratch_bytes) return worker->scratch;
  if (worker->scratch) munmap(worker->scratch, worker->scratch_bytes);
  /* Whole huge pages at their alignment: panels are walked with large strides, and small pages would miss the translation cache. */
  const size_t page = (size_t)2 << 20;
  size_t size = (bytes + page - 1) / page * page;
  char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "puna: no memory for %zu bytes of scratch\n", size);
    abort();
  }
  size_t lead = (page - (uintptr_t)memory % page) % page;
  if (lead) munmap(memory, lead);
  if (page - lead) munmap(memory + lead + size, page - lead);
  worker->scratch = memory + lead;
  worker->scratch_bytes = size;
#if defined(MADV_HUGEPAGE)
  madvise(worker->scratch, size, MADV_HUGEPAGE);
#endif
  return worker->scratch;
}

void *puna_shared_scratch(puna_context *context, size_t bytes) { return puna_scratch(context, context->threads, bytes); }

size_t puna_scratch_bytes(const puna_context *context) {
  size_t bytes = 0;
  for (int i = 0; i <= context->threads; i++) bytes += context->workers[i].scratch_bytes;
  return bytes;
}
