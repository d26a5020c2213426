/* The root folder of the program: a small file system in memory with a few places of the host in it, read-only. */
#define _GNU_SOURCE
#include "sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers of the C library and of the kernel cannot both be had for mounts; these are the kernel's. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static int mount_memory(const char *path, unsigned long flags, const char *options) {
  return (int)syscall(SYS_mount, "tmpfs", path, "tmpfs", flags, options);
}

static int set_attributes(int folder, const char *path, unsigned flags, uint64_t attributes) {
  struct mount_attr wanted = {.attr_set = attributes};
  return (int)syscall(SYS_mount_setattr, folder, path, flags, &wanted, sizeof wanted);
}

static int is_of_host(puna_sandbox_kind kind) { return kind == PUNA_SANDBOX_TREE || kind == PUNA_SANDBOX_FILE || kind == PUNA_SANDBOX_DEVICE; }

/* A copy of the mount that holds the path, which nothing can be written through. Made before anything of the host is covered. */
static int open_tree(const puna_sandbox_entry *entry) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, entry->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return -1;
  uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  attributes |= entry->kind == PUNA_SANDBOX_DEVICE ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV;
  return set_attributes(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes) ? -1 : tree;
}

static int put(const puna_sandbox_entry *entry, int tree) {
  const char *path = entry->path + 1; /* seen from the new root, which is the current folder */
  if (entry->kind == PUNA_SANDBOX_LINK) return symlink(entry->target, path);
  if (entry->kind == PUNA_SANDBOX_FOLDER || entry->kind == PUNA_SANDBOX_TREE) {
    if (mkdir(path, 0755)) return -1;
    if (entry->kind == PUNA_SANDBOX_FOLDER) return 0;
  } else {
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    if (file < 0) return -1;
    close(file);
  }
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)) return -1;
  return close(tree);
}

int puna_sandbox_build_root(const puna_sandbox_plan *plan, puna_sandbox_problem *problem) {
  const puna_sandbox_options *options = plan->options;
  problem->step = PUNA_SANDBOX_MOUNT;
  /* From here on nothing that is mounted reaches the host. */
  if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -1;

  problem->step = PUNA_SANDBOX_OPEN_ENTRY;
  for (size_t i = 0; i < options->entry_count; i++) {
    problem->entry = (int32_t)i;
    if (is_of_host(options->entries[i].kind) && (plan->trees[i] = open_tree(&options->entries[i])) < 0) return -1;
  }
  problem->entry = -1;

  /* /proc is there in any case, and no longer needed. */
  problem->step = PUNA_SANDBOX_MOUNT;
  if (mount_memory("/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,nr_inodes=512,mode=755") || chdir("/proc")) return -1;

  problem->step = PUNA_SANDBOX_PUT_ENTRY;
  for (size_t i = 0; i < options->entry_count; i++) {
    problem->entry = (int32_t)i;
    if (put(&options->entries[i], plan->trees[i])) return -1;
  }
  problem->entry = -1;
  problem->step = PUNA_SANDBOX_MOUNT;
  if (mount_memory(options->work_folder + 1, MS_NOSUID | MS_NODEV | MS_NOEXEC, plan->work_options)) return -1;

  /* The old root comes to lie over the new one, and goes. */
  problem->step = PUNA_SANDBOX_CHANGE_ROOT;
  if (syscall(SYS_pivot_root, ".", ".") || syscall(SYS_umount2, ".", 2 /* MNT_DETACH */)) return -1;
  if (chdir("/") || set_attributes(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY)) return -1;
  return chdir(options->work_folder);
}
