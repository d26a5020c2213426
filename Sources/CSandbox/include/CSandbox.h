/* One child program in isolation: namespaces of its own, a root folder put together for it, an unused user without privileges, limits, and a
   filter of system calls. Linux 5.12 or newer; x86-64 and 64-bit ARM.

   Several threads may start children at the same time. Between the clone and the exec only what is safe in the child of a process with threads is
   called: system calls, with texts that were made before. */
#ifndef CSANDBOX_H
#define CSANDBOX_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors the program begins with besides 0 (/dev/null), 1 and 2 (both the output). All others are closed. */
enum {
  PUNA_SANDBOX_REPORT = 3, /* written by the program */
  PUNA_SANDBOX_INPUT = 4   /* read by the program */
};

typedef enum {
  PUNA_SANDBOX_FOLDER, /* an empty folder; for the program it is read-only like the whole root */
  PUNA_SANDBOX_LINK,   /* a symbolic link to `target` */
  PUNA_SANDBOX_TREE,   /* a folder of the host and what is mounted below it, read-only, without set-user-id and devices */
  PUNA_SANDBOX_FILE,   /* a file of the host, read-only */
  PUNA_SANDBOX_DEVICE  /* a device file of the host */
} puna_sandbox_kind;

/* One thing in the root folder of the program. */
typedef struct {
  puna_sandbox_kind kind;
  const char *path;   /* absolute; the same outside and inside. Its parent is "/" or an earlier entry */
  const char *target; /* of a link */
} puna_sandbox_entry;

typedef struct {
  const char *const *arguments;   /* ends with NULL; the first is the absolute path of the program in its root */
  const char *const *environment; /* ends with NULL */
  const puna_sandbox_entry *entries;
  size_t entry_count;
  const char *work_folder; /* an earlier entry: a file system in memory is put there, the one place that can be written */
  const void *input;       /* what stands on PUNA_SANDBOX_INPUT */
  size_t input_count;
  /* The user and the group of the program: one that nobody has. Without privileges it is a name inside the user namespace for the caller. */
  uint32_t user;
  int user_namespace;      /* not 0: make a user namespace, for callers that are not privileged */
  uint64_t memory_bytes;   /* address space of each process */
  uint64_t file_bytes;     /* of the work folder, and of each file */
  uint64_t file_count;     /* in the work folder */
  uint64_t process_count;  /* processes and threads at a time */
  uint64_t open_count;     /* descriptors of each process */
  uint64_t cpu_seconds;    /* of each process */
} puna_sandbox_options;

typedef struct {
  pid_t process; /* first of its process namespace: when it ends, every other process of the namespace is killed */
  int handle;    /* a descriptor of the process (pidfd) */
  int output;    /* what it writes to 1 and 2; reading does not block */
  int report;    /* what it writes to PUNA_SANDBOX_REPORT; reading does not block */
} puna_sandbox_child;

typedef enum {
  PUNA_SANDBOX_PREPARE,    /* pipes and memory of the caller */
  PUNA_SANDBOX_CLONE,      /* the process with its namespaces */
  PUNA_SANDBOX_MAP_USER,   /* the user of the namespace */
  PUNA_SANDBOX_OOM_SCORE,  /* first to go when the machine is out of memory */
  PUNA_SANDBOX_MOUNT,      /* a mount namespace of its own, the new root */
  PUNA_SANDBOX_OPEN_ENTRY, /* something of the host that the root should hold */
  PUNA_SANDBOX_PUT_ENTRY,  /* its place in the root */
  PUNA_SANDBOX_CHANGE_ROOT,
  PUNA_SANDBOX_DESCRIPTORS,
  PUNA_SANDBOX_DROP_USER,
  PUNA_SANDBOX_LIMIT,
  PUNA_SANDBOX_FILTER,
  PUNA_SANDBOX_EXECUTE
} puna_sandbox_step;

/* Why a program was not started. */
typedef struct {
  puna_sandbox_step step;
  int error;        /* errno */
  int32_t entry;    /* index of the entry concerned, or -1 */
} puna_sandbox_problem;

/* Starts the program and returns when it runs: 0, or -1 with a problem, and then nothing is left of it.
   It is killed when the calling thread ends. The caller ends it with puna_sandbox_end, once. */
int puna_sandbox_start(const puna_sandbox_options *options, puna_sandbox_child *child, puna_sandbox_problem *problem);

/* Kills the program with every process of its namespace, waits until none is left, and closes the handle. What was written can still be read:
   `output` and `report` are the caller's to close.
   `*code` and `*status` are those of waitid: CLD_EXITED and the exit status, or CLD_KILLED or CLD_DUMPED and the signal.
   Of a program that has ended already they say how. Returns 0, or -1 with errno. */
int puna_sandbox_end(puna_sandbox_child *child, int *code, int *status);
#endif
