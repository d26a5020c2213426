/* The system calls that a computation has no use for. The namespaces would refuse most of them; each that is not there to be called is a part of
   the kernel that cannot be attacked. */
#define _GNU_SOURCE
#include "sandbox_private.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "The filter of system calls knows x86-64 and 64-bit ARM."
#endif

/* Numbers from here on are of kernels newer than this list, or of the other calling convention of x86-64 (x32). */
enum { FIRST_UNKNOWN = 470 };

/* Kernel headers may be older than the kernel: the numbers since 5.0 are the same on every architecture. */
static const uint16_t refused[] = {
  /* mounts and roots */
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */, 431 /* fsconfig */,
  432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */, 457 /* statmount */, 458 /* listmount */, 467 /* open_tree_attr */,
  SYS_swapon, SYS_swapoff, SYS_quotactl, 443 /* quotactl_fd */, SYS_acct,
  /* namespaces (clone is looked at below) */
  SYS_unshare, SYS_setns,
  /* other processes */
  SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, 438 /* pidfd_getfd */, 440 /* process_madvise */, SYS_move_pages,
  SYS_migrate_pages,
  /* the kernel and the machine */
  SYS_bpf, SYS_perf_event_open, SYS_kexec_load, SYS_reboot, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_syslog, SYS_personality,
  SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
#ifdef SYS_kexec_file_load
  SYS_kexec_file_load,
#endif
#if defined(__x86_64__)
  SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS__sysctl, SYS_lookup_dcookie,
#endif
  /* keys, which do not know namespaces */
  SYS_add_key, SYS_request_key, SYS_keyctl,
  /* files by number, not by name */
  SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_fanotify_init, SYS_fanotify_mark,
  /* a long history of mistakes */
  SYS_userfaultfd, 425 /* io_uring_setup */, 426 /* io_uring_enter */, 427 /* io_uring_register */, SYS_vmsplice,
  /* memory that counts as nobody's */
  SYS_memfd_create, 447 /* memfd_secret */, SYS_shmget, SYS_shmat, SYS_msgget, SYS_semget, SYS_mq_open,
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The lower half: both architectures are little-endian. */
#define LOAD_ARGUMENT(index) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[index]))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EPERM)
/* The next instruction only if the value is, is not... */
#define IF_EQUAL(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define IF_NOT_EQUAL(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0)
#define IF_AT_LEAST(value) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), 0, 1)
#define IF_ANY_BIT(value) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), 0, 1)


int puna_sandbox_filter(void) {
  enum { REFUSED = sizeof refused / sizeof *refused };
  const struct sock_filter begin[] = {
    LOAD(arch), IF_NOT_EQUAL(THIS_ARCHITECTURE), RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr), IF_AT_LEAST(FIRST_UNKNOWN), RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    /* Its arguments lie in memory, where a filter does not see them. The C library goes on with clone. */
    IF_EQUAL(435 /* clone3 */), RETURN(SECCOMP_RET_ERRNO | ENOSYS),
  };
  const struct sock_filter end[] = {
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
    LOAD_ARGUMENT(0),
    IF_ANY_BIT(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET),
    REFUSE, RETURN(SECCOMP_RET_ALLOW),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
    LOAD_ARGUMENT(0), IF_NOT_EQUAL(AF_UNIX), REFUSE, RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_ALLOW),
  };
  enum { BEGIN = sizeof begin / sizeof *begin, END = sizeof end / sizeof *end };
  struct sock_filter program[BEGIN + 2 * REFUSED + END];
  size_t count = 0;
  for (size_t i = 0; i < BEGIN; i++) program[count++] = begin[i];
  for (size_t i = 0; i < REFUSED; i++) {
    program[count++] = (struct sock_filter)IF_EQUAL(refused[i]);
    program[count++] = (struct sock_filter)REFUSE;
  }
  for (size_t i = 0; i < END; i++) program[count++] = end[i];
  const struct sock_fprog filter = {.len = (unsigned short)count, .filter = program};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
