/* The child's side, from the clone to the exec. The memory is that of a process whose other threads go on, and any of which may hold a lock:
   nothing is allocated, printed or looked up here, and nothing is written but the plan and the own stack. */
#define _GNU_SOURCE
#include "sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int write_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = write(file, text, strlen(text));
  int error = errno;
  close(file);
  errno = error;
  return count < 0 ? -1 : 0;
}

/* Handlers are the caller's; what it ignores, the program should not. */
static void reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &action, NULL);
}

static int map_user(const puna_sandbox_plan *plan) {
  if (write_file("/proc/self/setgroups", "deny")) return -1;
  if (write_file("/proc/self/uid_map", plan->map)) return -1;
  return write_file("/proc/self/gid_map", plan->group_map);
}

static int place_descriptors(const puna_sandbox_plan *plan) {
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) return -1;
  if (dup2(null, 0) < 0 || dup2(plan->output, 1) < 0 || dup2(plan->output, 2) < 0) return -1;
  if (dup2(plan->report, PUNA_SANDBOX_REPORT) < 0 || dup2(plan->input, PUNA_SANDBOX_INPUT) < 0) return -1;
  /* dup2 of a descriptor onto itself keeps its flags. */
  if (null == 0 && fcntl(0, F_SETFD, 0)) return -1;
  /* What is still needed closes with the exec; everything else, whosever it was, now. */
  int low = plan->parent < plan->problems ? plan->parent : plan->problems;
  int high = plan->parent < plan->problems ? plan->problems : plan->parent;
  if (syscall(SYS_close_range, PUNA_SANDBOX_INPUT + 1, low - 1, 0)) return -1;
  if (high - low > 1 && syscall(SYS_close_range, low + 1, high - 1, 0)) return -1;
  return (int)syscall(SYS_close_range, high + 1, ~0U, 0);
}

/* An id that nobody has, no groups, no capabilities, and no way to get any by running a program. */
static int drop_user(uint32_t user, int user_namespace) {
  for (int capability = 0; capability <= 63; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno != EINVAL) return -1;
  if (!user_namespace) {
    if (syscall(SYS_setgroups, 0, NULL)) return -1;
    /* Not the C library's, which asks every thread it remembers. */
    if (syscall(SYS_setresgid, user, user, user) || syscall(SYS_setresuid, user, user, user)) return -1;
  }
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}, {0}};
  if (syscall(SYS_capset, &header, none)) return -1;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Both limits, or what is allowed already if that is less. */
static int limit(int resource, uint64_t value) {
  struct rlimit now;
  if (getrlimit((__rlimit_resource_t)resource, &now)) return -1;
  if (now.rlim_max > value) now.rlim_max = value;
  now.rlim_cur = now.rlim_max;
  return setrlimit((__rlimit_resource_t)resource, &now);
}

static int set_limits(const puna_sandbox_options *options) {
  const struct { int resource; uint64_t value; } limits[] = {
    {RLIMIT_CORE, 0}, {RLIMIT_MEMLOCK, 0}, {RLIMIT_MSGQUEUE, 0}, {RLIMIT_NICE, 0}, {RLIMIT_RTPRIO, 0}, {RLIMIT_SIGPENDING, 128},
    {RLIMIT_STACK, 8 << 20}, {RLIMIT_CPU, options->cpu_seconds}, {RLIMIT_FSIZE, options->file_bytes}, {RLIMIT_NOFILE, options->open_count},
    {RLIMIT_NPROC, options->process_count}, {RLIMIT_AS, options->memory_bytes},
  };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    if (limit(limits[i].resource, limits[i].value)) return -1;
  return 0;
}

/* From here on the child ends with its parent. One that ended before the first line has left a pipe that nobody can write to any more. */
static int end_with_parent(const puna_sandbox_plan *plan) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) return -1;
  struct pollfd parent = {.fd = plan->parent};
  if (poll(&parent, 1, 0) < 0) return -1;
  if (parent.revents) _exit(127);
  return 0;
}

void puna_sandbox_become(const puna_sandbox_plan *plan, puna_sandbox_problem *problem) {
  const puna_sandbox_options *options = plan->options;
  for (size_t i = 0; i < sizeof plan->others / sizeof *plan->others; i++) close(plan->others[i]);
  reset_signals();
  setsid(); /* a Ctrl-C is for the caller */
  umask(077);

  problem->step = PUNA_SANDBOX_MAP_USER;
  if (options->user_namespace && map_user(plan)) return;
  problem->step = PUNA_SANDBOX_OOM_SCORE;
  if (write_file("/proc/self/oom_score_adj", "1000")) return;

  umask(0);
  if (puna_sandbox_build_root(plan, problem)) return;
  umask(077);

  problem->step = PUNA_SANDBOX_DESCRIPTORS;
  if (sethostname("sandbox", 7) || place_descriptors(plan)) return;
  problem->step = PUNA_SANDBOX_DROP_USER;
  if (drop_user(options->user, options->user_namespace)) return;
  problem->step = PUNA_SANDBOX_DESCRIPTORS;
  if (end_with_parent(plan)) return; /* after the change of user, which forgets the signal */
  problem->step = PUNA_SANDBOX_LIMIT;
  if (set_limits(options)) return;
  problem->step = PUNA_SANDBOX_FILTER;
  if (puna_sandbox_filter()) return;

  problem->step = PUNA_SANDBOX_EXECUTE;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(options->arguments[0], (char *const *)options->arguments, (char *const *)options->environment);
}
