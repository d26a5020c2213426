/* The caller's side: starting and ending. */
#define _GNU_SOURCE
#include "sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FREE = 10, STACK_SIZE = 1 << 17 };

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void close_all(int *descriptors, int count) {
  for (int i = 0; i < count; i++)
    if (descriptors[i] >= 0) close(descriptors[i]);
}

/* A pipe whose ends are FIRST_FREE or higher; closed by exec. */
static int make_pipe(int ends[2]) {
  int low[2];
  if (pipe2(low, O_CLOEXEC)) return -1;
  for (int i = 0; i < 2; i++) ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FIRST_FREE);
  int error = errno;
  close_all(low, 2);
  if (ends[0] >= 0 && ends[1] >= 0) return 0;
  errno = error;
  return -1;
}

/* A file in memory that holds `bytes` and can not be changed any more. */
static int make_input(const void *bytes, size_t count) {
  int low = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (low < 0) return -1;
  int file = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FREE);
  int error = errno;
  close(low);
  for (size_t done = 0; file >= 0 && done < count;) {
    ssize_t written = pwrite(file, (const char *)bytes + done, count - done, (off_t)done);
    if (written > 0) {
      done += (size_t)written;
    } else if (written == 0 || errno != EINTR) {
      error = written ? errno : EIO;
      close(file);
      file = -1;
    }
  }
  if (file >= 0 && fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
    error = errno;
    close(file);
    file = -1;
  }
  errno = error;
  return file;
}

static int fail(puna_sandbox_problem *problem, puna_sandbox_step step) {
  *problem = (puna_sandbox_problem){.step = step, .error = errno, .entry = -1};
  return -1;
}

/* Waits for the child to say what failed, or for the exec to close the pipe: 0 bytes. A child that died without a word is EPIPE. */
static int read_problem(int from, puna_sandbox_problem *problem) {
  ssize_t count;
  do count = read(from, problem, sizeof *problem);
  while (count < 0 && errno == EINTR);
  if (count == 0) return 0;
  if (count == (ssize_t)sizeof *problem) return -1;
  if (count > 0) errno = EPIPE;
  return fail(problem, PUNA_SANDBOX_PREPARE);
}

static int run_child(void *plan) {
  puna_sandbox_problem problem = {.entry = -1};
  puna_sandbox_become(plan, &problem);
  problem.error = errno;
  ssize_t ignored = write(((puna_sandbox_plan *)plan)->problems, &problem, sizeof problem);
  (void)ignored;
  _exit(127);
}

/* The clone itself, like vfork: the child borrows the caller's memory until its exec, while the calling thread waits. A copy of the tables of some
   gigabytes would take longer than the program. It is not fork() either, whose handlers (OpenBLAS has some) are for children that go on
   with the caller's work. */
static pid_t clone_child(puna_sandbox_plan *plan, int *handle) {
  int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD;
  if (plan->options->user_namespace) flags |= CLONE_NEWUSER;
  char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  /* Handlers of the caller must not run in the child. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  /* A change of user marks the memory as not to be dumped, and the memory is the caller's: marked back, by one thread at a time. */
  static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&one_at_a_time);
  int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  pid_t process = clone(run_child, stack + STACK_SIZE, flags, plan, handle);
  int error = errno;
  if (dumpable == 1) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  pthread_mutex_unlock(&one_at_a_time);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stack, STACK_SIZE);
  errno = error;
  return process;
}

int puna_sandbox_start(const puna_sandbox_options *options, puna_sandbox_child *child, puna_sandbox_problem *problem) {
  enum { OUTPUT, REPORT, PARENT, PROBLEMS, PIPES };
  int pipes[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
  puna_sandbox_plan plan = {.options = options, .input = -1};
  *child = (puna_sandbox_child){.process = -1, .handle = -1, .output = -1, .report = -1};
  int result = -1;

  plan.trees = malloc((options->entry_count + 1) * sizeof *plan.trees);
  plan.input = make_input(options->input, options->input_count);
  for (size_t i = 0; plan.trees && i < options->entry_count; i++) plan.trees[i] = -1;
  int made = plan.trees && plan.input >= 0;
  for (int i = 0; i < PIPES && made; i++) made = make_pipe(pipes[i]) == 0;
  for (int i = OUTPUT; i <= REPORT && made; i++) made = fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) == 0;
  if (!made) {
    fail(problem, PUNA_SANDBOX_PREPARE);
    goto done;
  }
  plan.output = pipes[OUTPUT][1];
  plan.report = pipes[REPORT][1];
  plan.parent = pipes[PARENT][0];
  plan.problems = pipes[PROBLEMS][1];
  plan.others[0] = pipes[OUTPUT][0];
  plan.others[1] = pipes[REPORT][0];
  plan.others[2] = pipes[PARENT][1];
  plan.others[3] = pipes[PROBLEMS][0];
  snprintf(plan.map, sizeof plan.map, "%u %u 1", options->user, geteuid());
  snprintf(plan.group_map, sizeof plan.group_map, "%u %u 1", options->user, getegid());
  snprintf(plan.work_options, sizeof plan.work_options, "size=%llu,nr_inodes=%llu,mode=700,uid=%u,gid=%u",
           (unsigned long long)options->file_bytes, (unsigned long long)options->file_count, options->user, options->user);

  child->process = clone_child(&plan, &child->handle);
  if (child->process < 0) {
    fail(problem, PUNA_SANDBOX_CLONE);
    goto done;
  }
  close(plan.problems); /* the child's alone, so that its exec ends the pipe */
  pipes[PROBLEMS][1] = -1;
  child->output = pipes[OUTPUT][0];
  child->report = pipes[REPORT][0];
  pipes[OUTPUT][0] = pipes[REPORT][0] = -1;
  result = read_problem(pipes[PROBLEMS][0], problem);
  if (result) {
    int code, status;
    puna_sandbox_end(child, &code, &status);
    close(child->output);
    close(child->report);
  }
done:
  for (int i = 0; i < PIPES; i++) close_all(pipes[i], 2);
  close_all(&plan.input, 1);
  free(plan.trees);
  return result;
}

int puna_sandbox_end(puna_sandbox_child *child, int *code, int *status) {
  siginfo_t info = {0};
  /* A program that has ended already keeps the way it ended. */
  syscall(SYS_pidfd_send_signal, child->handle, SIGKILL, NULL, 0);
  int result;
  do result = waitid((idtype_t)P_PIDFD, (id_t)child->handle, &info, WEXITED | __WALL);
  while (result < 0 && errno == EINTR);
  int error = errno;
  *code = info.si_code;
  *status = info.si_status;
  close(child->handle);
  errno = error;
  return result;
}
