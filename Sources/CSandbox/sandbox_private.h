#ifndef SANDBOX_PRIVATE_H
#define SANDBOX_PRIVATE_H
#include "include/CSandbox.h"

/* Everything that the child needs, made before the clone. Descriptors are 10 or higher, out of the way of those of the program. */
typedef struct {
  const puna_sandbox_options *options;
  int input, output, report; /* the program's ends */
  int parent;                /* a pipe that the parent holds open until the program runs */
  int problems;              /* a puna_sandbox_problem is written here */
  int others[4];             /* the parent's ends, to be closed */
  int *trees;                /* one descriptor per entry */
  char map[64];              /* of users and of groups */
  char group_map[64];
  char work_options[128];    /* of the file system of the work folder */
} puna_sandbox_plan;

/* Becomes the program, in the process that has just been cloned. Returns only where something failed. */
void puna_sandbox_become(const puna_sandbox_plan *plan, puna_sandbox_problem *problem);

/* The new root, and in it the entries; the host is gone from view. Returns 0, or -1 with errno. */
int puna_sandbox_build_root(const puna_sandbox_plan *plan, puna_sandbox_problem *problem);

/* Refuses for this process and its children, for ever, the system calls that no computation needs. Returns 0, or -1 with errno. */
int puna_sandbox_filter(void);
#endif
