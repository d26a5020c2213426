/// The Python that is ours.
package enum PythonDriver {
  /// Characters of the token that comes before a program.
  package static let tokenByteCount = 32

  /// Runs the program that stands on descriptor 4 after a token, and writes the token to descriptor 3 when it has come to its end: an exit status
  /// of 0 alone would be had by leaving in the middle.
  package static let run = """
    import os, sys

    def run(write):
        with open(4, "rb") as file:
            token, program = file.read(\(tokenByteCount)), file.read()
        try:
            exec(compile(program, "program.py", "exec", dont_inherit=True), {})
        except SystemExit:
            raise
        except BaseException as error:
            import linecache, traceback
            lines = program.decode("utf-8", "replace").splitlines(True)
            linecache.cache["program.py"] = (len(program), None, lines, "program.py")
            traceback.print_exception(type(error), error, error.__traceback__.tb_next)
            raise SystemExit(1) from None
        write(3, token)

    run(os.write)
    """

  /// Begins a line of the isolation check about something that is possible and should not be.
  package static let openMark = "possible: "

  /// Tries what must fail. It passes when all of it fails and the modules that programs commonly import can be imported.
  package static let isolationCheck = """
    import bisect, collections, copy, datetime, decimal, fractions, functools, hashlib, heapq, itertools, json, math, operator, os, random
    import re, resource, socket, statistics, string, sys, typing

    possible = []

    def check(what, attempt):
        try:
            attempt()
        except OSError:
            return
        possible.append(what)

    def expect(what, holds):
        if not holds:
            possible.append(what)

    def create(path):
        return lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))

    check("a network socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    check("a network socket of version 6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    check("becoming root", lambda: os.setuid(0))
    check("signalling other processes", lambda: os.kill(-1, 0))
    for place, folders, files in os.walk("/"):
        folders[:] = [] if place.count("/") > 2 else [name for name in folders if os.path.join(place, name) != os.getcwd()]
        check("writing to " + place, create(os.path.join(place, "written")))
    for path in ("/usr", "/dev", "/bin"):
        check("removing " + path, lambda: os.rename(path, path + ".moved"))
    for path in ("/proc", "/sys", "/etc/passwd", "/etc/hostname", "/dev/tty", "/dev/shm", "/dev/pts"):
        expect("seeing " + path, not os.path.lexists(path))
    expect("seeing other processes", os.getpid() == 1 and os.getppid() == 0)
    expect("being a user of the machine", os.getuid() == os.geteuid() == os.getgid() == os.getegid() >= 1000)
    for name in ("AS", "NPROC", "FSIZE", "NOFILE", "CPU"):
        soft, hard = resource.getrlimit(getattr(resource, "RLIMIT_" + name))
        expect("using resources without the limit " + name, soft == hard != resource.RLIM_INFINITY)
    for descriptor in range(4, 256):
        check("using descriptor %d" % descriptor, lambda: os.fstat(descriptor))
    with open("file", "w") as file:
        file.write("the working folder can be written")
    os.remove("file")
    for what in possible:
        print("\\n\(openMark)" + what)
    assert not possible
    """
}
