import CodeExecution
import Foundation
import TestSupport
import Testing

extension SandboxTests {
  /// Programs that would harm the machine. After each of them nothing of it is left, and a file of the machine is what it was.
  @Suite struct AttackTests {
    /// A file that a program may neither see nor change.
    private let folder: TemporaryFolder
    private let secret: String

    init() throws {
      folder = try TemporaryFolder()
      secret = try folder.write("secret", to: "secret.txt")
      chmod(secret, 0o666)
      chmod(folder.path, 0o777)
    }

    /// Runs an attack and looks at the machine.
    private func attack(_ program: String, _ change: (inout CodeRunner.Limits) -> Void = { $0.seconds = 20 }) throws -> CodeRunner.Result {
      let result = try Available.runner(change).run(python: program)
      #expect(remainingProcesses() == [])
      #expect(try String(contentsOfFile: secret, encoding: .utf8) == "secret")
      #expect(folder.names == ["secret.txt"])
      return result
    }

    @Test("A fork bomb stops at the limit of processes") func forkBomb() throws {
      let program = """
        import os
        while True:
            try: os.fork()
            except OSError: pass
        """
      #expect(try attack(program) { $0.seconds = 1 }.outcome == .timedOut)
      let counted = """
        import os, time
        count = 0
        try:
            while True:
                if os.fork() == 0: time.sleep(1000)
                count += 1
        except BlockingIOError:
            print(count)
        """
      let result = try attack(counted)
      #expect(result.outcome == .passed)
      #expect(result.output == "15\n")
    }

    @Test("Threads count as processes") func threads() throws {
      let program = """
        import threading, time
        for count in range(100):
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        """
      let result = try attack(program)
      #expect(result.outcome == .failed(status: 1))
      #expect(result.output.contains("can't start new thread"))
    }

    @Test("Endless output neither fills the memory nor goes on") func endlessOutput() throws {
      let before = residentByteCount(ofProcessAndDescendants: getpid())
      let result = try attack("import os\nblock = b'x' * 65536\nwhile True: os.write(1, block)") { $0.seconds = 2 }
      #expect(result.outcome == .timedOut)
      #expect(result.output.utf8.count == 64 << 10)
      #expect(residentByteCount(ofProcessAndDescendants: getpid()) < before + 50 << 20)
    }

    @Test("A report that is too long, or not read, passes nothing") func longReport() throws {
      #expect(try attack("import os\nwhile True: os.write(3, b'x' * 65536)") { $0.seconds = 1 }.outcome == .timedOut)
    }

    @Test("One process that wants too much memory does not get it") func memory() throws {
      let result = try attack("x = bytearray(2 << 30)")
      #expect(result.outcome == .failed(status: 1))
      #expect(result.output.hasSuffix("MemoryError\n"))
    }

    @Test("Processes that use too much memory together are stopped") func memoryOfMany() throws {
      let program = """
        import os, time
        for _ in range(7):
            if os.fork() == 0: break
        data = bytearray(60 << 20)
        for place in range(0, len(data), 4096): data[place] = 1
        time.sleep(1000)
        """
      let result = try attack(program) {
        $0.seconds = 30
        $0.memoryBytes = 200 << 20
      }
      #expect(result.outcome == .tooMuchMemory)
    }

    @Test(
      "Memory that counts as nobody's is refused",
      arguments: ["os.memfd_create('x')", "ctypes.CDLL(None, use_errno=True).shmget(0, 4096, 0o1600) == -1 and error()"])
    func hiddenMemory(call: String) throws {
      let program = """
        import ctypes, os
        def error(): raise OSError(ctypes.get_errno(), "")
        try: \(call)
        except PermissionError: pass
        else: raise AssertionError
        """
      #expect(try attack(program).outcome == .passed)
    }

    @Test("Deleting everything deletes nothing") func deletion() throws {
      let program = """
        import os, shutil
        open("mine", "w").close()
        for path in ("/usr/bin", "/dev", "/etc", "/sandbox"):
            shutil.rmtree(path, ignore_errors=True)
        assert os.path.exists("/usr/bin/env") and os.path.exists("/dev/null") and os.listdir("/sandbox") == []
        for path in ("\(secret)", "\(folder.path)", "/bin/sh", "/etc/passwd"):
            try: os.remove(path)
            except OSError: pass
            else: raise AssertionError(path)
        """
      #expect(try attack(program).outcome == .passed)
      // Walking through everything takes its time.
      _ = try attack("import shutil; shutil.rmtree('/', ignore_errors=True)") { $0.seconds = 2 }
      #expect(FileManager.default.fileExists(atPath: "/bin/sh"))
    }

    @Test("Files of the machine are neither read nor written") func hostFiles() throws {
      let program = """
        import os
        def refused(attempt):
            try: attempt()
            except OSError: return
            raise AssertionError
        for path in ("\(secret)", "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/1/root", "/root/.bash_history", "/dev/mem"):
            refused(lambda: open(path).read())
        for path in ("\(secret)", "/usr/bin/written", "/etc/ld.so.cache", "/written", "/dev/written", "/dev/urandom/x", "\(folder.path)/x"):
            refused(lambda: open(path, "w"))
        refused(lambda: os.listdir("\(folder.path)"))
        refused(lambda: os.mkdir("/var"))
        refused(lambda: os.chmod("/usr/bin", 0o777))
        refused(lambda: os.mknod("device", 0o20666, os.makedev(1, 1)))
        refused(lambda: os.chroot("."))
        """
      let result = try attack(program)
      #expect(result.outcome == .passed, "\(result.output)")
    }

    @Test("Descriptors of the caller are not the program's") func descriptors() throws {
      let inherited = open(secret, O_RDWR)
      defer { close(inherited) }
      #expect(inherited > 4)
      let program = """
        import os
        assert [number for number in range(1000) if os.path.exists(number)] == [0, 1, 2, 3]
        assert os.fstat(0).st_rdev == os.stat("/dev/null").st_rdev
        """
      let result = try attack(program)
      #expect(result.outcome == .passed, "\(result.output)")
    }

    @Test("Files and their folder have a limit") func files() throws {
      let program = """
        import os
        def fill(name, count):
            with open(name, "wb", buffering=0) as file:
                while count > 0: count -= file.write(bytes(min(count, 1 << 20)))
        for names, count in ((["one"], 17 << 20), (["a", "b", "c"], 6 << 20)):
            try:
                for name in names: fill(name, count)
            except OSError as error: print(error.errno)
            for name in os.listdir("."): os.remove(name)
        kept = []
        try:
            while True: kept.append(open("/dev/null"))
        except OSError as error: print(error.errno, len(kept))
        kept.clear()
        try:
            for name in range(10000): open(str(name), "w").close()
        except OSError as error: print(error.errno, name < 1000)
        """
      let result = try attack(program)
      #expect(result.outcome == .passed)
      #expect(result.output == "\(EFBIG)\n\(ENOSPC)\n\(EMFILE) 252\n\(ENOSPC) True\n")
    }

    @Test("Signals reach nobody else, and a grandchild does not outlive the program") func signalsAndDaemons() throws {
      let program = """
        import os, signal, time
        try: os.kill(-1, signal.SIGKILL)
        except ProcessLookupError: pass
        for process in (\(getpid()), \(getppid()), 2, 3):
            try: os.kill(process, signal.SIGTERM)
            except ProcessLookupError: pass
            else: raise AssertionError
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for descriptor in range(64):
                    try: os.close(descriptor)
                    except OSError: pass
                time.sleep(1000)
            os._exit(0)
        os.wait()
        """
      let result = try attack(program)
      #expect(result.outcome == .passed, "\(result.output)")
      #expect(result.seconds < 15)
    }

    @Test("Ignoring signals does not help, and closing the output does no harm") func stubborn() throws {
      let program = """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True: pass
        """
      #expect(try attack(program) { $0.seconds = 1 }.outcome == .timedOut)
      let closing = try attack("import os, time\nos.close(1); os.close(2)\ntime.sleep(0.2)")
      #expect(closing.outcome == .passed)
      #expect(closing.output == "")
    }
  }
}
