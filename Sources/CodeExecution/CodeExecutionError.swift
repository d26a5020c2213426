import CSandbox
import Glibc

/// Why programs cannot be run safely, or why one run could not be watched. What a program itself does is never an error.
public enum CodeExecutionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No `python3` in any folder of `PATH`, whose value is given.
  case pythonNotFound(path: String)
  /// The `python3` at a path does not work, or not with what the sandbox shows it.
  case pythonUnusable(path: String, reason: String)
  /// The kernel refused a step of making the sandbox. `subject` is the path concerned, where there is one.
  case refused(step: Step, subject: String?, error: Int32, privileged: Bool)
  /// Things that must fail inside did not fail.
  case notIsolated([String])
  /// No user id is left that nobody has.
  case noUnusedUser
  /// The kernel does not say whose child a process is, so that memory could not be watched.
  case childrenNotListed
  /// A system call of watching the program failed.
  case notWatched(call: String, error: Int32)

  /// A step of making the sandbox.
  public enum Step: Sendable, Equatable {
    case prepare, namespaces, mapUser, outOfMemoryScore, mount, openPath, placePath, changeRoot
    case descriptors, dropUser, limit, filter, execute

    init(_ step: puna_sandbox_step) {
      self =
        switch step {
        case PUNA_SANDBOX_CLONE: .namespaces
        case PUNA_SANDBOX_MAP_USER: .mapUser
        case PUNA_SANDBOX_OOM_SCORE: .outOfMemoryScore
        case PUNA_SANDBOX_MOUNT: .mount
        case PUNA_SANDBOX_OPEN_ENTRY: .openPath
        case PUNA_SANDBOX_PUT_ENTRY: .placePath
        case PUNA_SANDBOX_CHANGE_ROOT: .changeRoot
        case PUNA_SANDBOX_DESCRIPTORS: .descriptors
        case PUNA_SANDBOX_DROP_USER: .dropUser
        case PUNA_SANDBOX_LIMIT: .limit
        case PUNA_SANDBOX_FILTER: .filter
        case PUNA_SANDBOX_EXECUTE: .execute
        default: .prepare
        }
    }

    var text: String {
      switch self {
      case .prepare: "preparing pipes for the program"
      case .namespaces: "a process with namespaces of its own"
      case .mapUser: "giving its user namespace a user"
      case .outOfMemoryScore: "writing /proc/self/oom_score_adj"
      case .mount: "mounting in its namespace"
      case .openPath: "a read-only view of"
      case .placePath: "a place in the new root for"
      case .changeRoot: "changing its root folder (pivot_root)"
      case .descriptors: "its descriptors"
      case .dropUser: "becoming an unused user without privileges"
      case .limit: "its limits"
      case .filter: "its filter of system calls (seccomp)"
      case .execute: "starting"
      }
    }
  }

  public var description: String {
    let cannot = "Programs cannot be run safely here"
    switch self {
    case .pythonNotFound(let path):
      return "python3 was not found in PATH (\(path.isEmpty ? "which is empty" : path)). Install Python 3, or put its folder into PATH."
    case .pythonUnusable(let path, let reason):
      return "\(path): python3 does not work in the sandbox: \(reason) Put the folder of another python3 first in PATH, such as /usr/bin."
    case .refused(let step, let subject, let error, let privileged):
      let what = step.text + (subject.map { " \($0)" } ?? "")
      return "\(cannot): \(what) failed: \(errorText(error)). \(Self.remedy(step, error, privileged: privileged))"
    case .notIsolated(let problems):
      return "\(cannot): what should be impossible inside the sandbox is not: \(problems.joined(separator: "; "))."
    case .noUnusedUser:
      return "\(cannot): every user id that this container maps belongs to an account or a process. Map more of them to the container."
    case .childrenNotListed:
      return "\(cannot): /proc/self/task/*/children cannot be read. Mount /proc, of a kernel with CONFIG_PROC_CHILDREN."
    case .notWatched(let call, let error):
      return "A program could not be watched and was killed: \(call) failed: \(errorText(error))."
    }
  }

  private static func remedy(_ step: Step, _ error: Int32, privileged: Bool) -> String {
    let container = "in a container allow them (Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    switch (step, error) {
    case (.namespaces, ENOSPC), (.namespaces, EUSERS):
      return "The machine allows no more namespaces; raise /proc/sys/user/max_user_namespaces and its neighbours."
    case (.namespaces, EINVAL), (.filter, EINVAL), (_, ENOSYS):
      return "Linux 5.12 or newer with namespaces and seccomp is needed."
    case (_, EPERM), (_, EACCES):
      if privileged { return "Root without the capability to make namespaces: \(container) --cap-add SYS_ADMIN), or run as another user." }
      return "User namespaces are not permitted: \(container)); on the machine set sysctl kernel.unprivileged_userns_clone=1 (Debian), "
        + "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) or user.max_user_namespaces above 0."
    case (_, ENOMEM), (_, EAGAIN), (_, EMFILE), (_, ENFILE): return "The machine is short of memory, processes or descriptors; try again."
    case (.openPath, ENOENT): return "It is not there."
    default: return "A report of this with the kernel's version (uname -r) is welcome."
    }
  }
}

/// What the C library says of an errno.
func errorText(_ error: Int32) -> String { String(cString: strerror(error)) }
