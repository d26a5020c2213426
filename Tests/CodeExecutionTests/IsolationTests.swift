import CodeExecution
import Foundation
import TestSupport
import Testing

extension SandboxTests {
  /// The sandbox seen from the machine, and the network seen from the sandbox.
  @Suite struct IsolationTests {
    /// A program that waits, seen from outside; killed when the test is over.
    private func start(_ program: String = "import time; time.sleep(1000)") throws -> SandboxedProcess {
      let runner = try Available.runner()
      let token = String(repeating: "0", count: PythonDriver.tokenByteCount)
      return try runner.sandbox.start(input: Array((token + program).utf8), seconds: 30)
    }

    @Test("Nothing that is mounted can be written but the working folder, which is in memory") func mounts() throws {
      let process = try start()
      let lines = try #require(textOfKernelFile("/proc/\(process.id)/mountinfo")).split(separator: "\n")
      #expect(lines.count >= 5)
      for line in lines {
        let fields = line.split(separator: " ")
        let place = fields[4]
        let options = fields[5].split(separator: ",")
        #expect(options.contains("nosuid"), "\(line)")
        #expect(options.contains("nodev") || place.hasPrefix("/dev/"), "\(line)")
        #expect(fields[6] == "-", "shared with other namespaces: \(line)")
        if place == "/sandbox" {
          #expect(options.contains("noexec") && fields[7] == "tmpfs" && line.contains("size=16384k"), "\(line)")
        } else {
          #expect(options.contains("ro"), "\(line)")
        }
      }
      withExtendedLifetime(process) {}
    }

    @Test("The process has a user of its own, no capabilities, a filter, and limits") func status() throws {
      let process = try start()
      let text = try #require(textOfKernelFile("/proc/\(process.id)/status"))
      func field(_ name: String) -> [String] {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
      }
      for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { #expect(field(name) == ["0000000000000000"], "\(name)") }
      #expect(field("NoNewPrivs") == ["1"])
      #expect(field("Seccomp") == ["2"])
      #expect(field("NSpid").last == "1")
      #expect(Set(field("Uid")).count == 1 && Set(field("Gid")).count == 1)
      if geteuid() == 0 {
        #expect(UnusedIdentity.preferred.contains(try #require(UInt32(field("Uid")[0]))))
        #expect(field("Groups") == [])
      }
      let score = textOfKernelFile("/proc/\(process.id)/oom_score_adj")
      #expect(score == "1000\n")
      let limits = try #require(textOfKernelFile("/proc/\(process.id)/limits"))
      func limit(_ name: String) -> [Substring] {
        (limits.split(separator: "\n").first { $0.hasPrefix(name) } ?? "").dropFirst(name.count).split(separator: " ").prefix(2).map { $0 }
      }
      #expect(limit("Max processes") == ["16", "16"])
      #expect(limit("Max address space") == ["1073741824", "1073741824"])
      #expect(limit("Max core file size") == ["0", "0"])
      #expect(limit("Max cpu time") == ["31", "31"])
      withExtendedLifetime(process) {}
    }

    @Test("It shares no namespace with the machine", arguments: ["cgroup", "ipc", "mnt", "net", "pid", "uts"])
    func namespaces(name: String) throws {
      let process = try start()
      let inside = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process.id)/ns/\(name)")
      let outside = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")
      #expect(inside.hasPrefix(name + ":[") && inside != outside)
      withExtendedLifetime(process) {}
    }

    @Test("A program ends with the thread that started it, as when the caller is killed") func endsWithItsParent() throws {
      final class Box: @unchecked Sendable { var process: SandboxedProcess? }
      let box = Box()
      let thread = Thread { box.process = try? start() }
      thread.start()
      while !thread.isFinished { usleep(1000) }
      let process = try #require(box.process)
      let ending = try process.watch(seconds: 20, memoryBytes: 1 << 30)
      #expect(ending.reason == .signal(SIGKILL))
      #expect(remainingProcesses() == [])
    }

    @Test("A program is gone when its owner is") func endsWithItsOwner() throws {
      do {
        let process = try start("import os, time\nos.fork()\ntime.sleep(1000)")
        #expect(remainingProcesses().count >= 1)
        withExtendedLifetime(process) {}
      }
      #expect(remainingProcesses() == [])
    }

    @Test("Neither a port nor an abstract socket of this machine can be reached") func network() throws {
      let port = try Listener(family: AF_INET)
      let name = try Listener(family: AF_UNIX)
      let program = """
        import errno, socket
        def connect():
            return socket.create_connection(("127.0.0.1", \(port.port)), timeout=5)
        def connect_abstract():
            connection = socket.socket(socket.AF_UNIX)
            connection.connect("\\0\(name.name)")
        for attempt in (connect, connect_abstract):
            try: attempt()
            except OSError: pass
            else: raise AssertionError("connected")
        """
      // Without the sandbox both are there.
      #expect(try runOutside(program) != 0)
      let result = try Available.runner().run(python: program)
      #expect(result.outcome == .passed, "\(result.output)")
    }

    @Test(
      "System calls that no computation needs are refused",
      arguments: [
        ("unshare", "(0x10000000)"), ("unshare", "(0x20000)"), ("mount", "(b'x', b'/sandbox', b'tmpfs', 0, None)"),
        ("ptrace", "(0, 0, 0, 0)"), ("setns", "(0, 0)"), ("chroot", "(b'/sandbox')"), ("umount2", "(b'/sandbox', 2)"),
        ("socket", "(2, 1, 0)"),
        ("socket", "(10, 2, 0)"), ("socket", "(16, 3, 0)"), ("socket", "(17, 3, 0)"), ("syscall", "(\(Number.cloneNewUser))"),
        ("syscall", "(\(Number.keyctl), 0, 0)"), ("syscall", "(\(Number.bpf), 0, 0, 0)"), ("syscall", "(\(Number.userfaultfd), 0)"),
        ("syscall", "(425, 1, 0)"), ("syscall", "(435, 0, 0)"), ("syscall", "(999)"), ("reboot", "(0)"), ("swapon", "(b'x', 0)"),
      ]) func refusedCalls(name: String, arguments: String) throws
    {
      let program = """
        import ctypes, errno
        library = ctypes.CDLL(None, use_errno=True)
        assert library.\(name)\(arguments) == -1
        assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS), ctypes.get_errno()
        """
      let result = try Available.runner().run(python: program)
      #expect(result.outcome == .passed, "\(result.output)")
    }
  }
}

/// Numbers of system calls without a function in the C library.
private enum Number {
  #if arch(x86_64)
    static let (keyctl, bpf, userfaultfd, clone) = (250, 321, 323, 56)
  #else
    static let (keyctl, bpf, userfaultfd, clone) = (219, 280, 282, 220)
  #endif
  static let cloneNewUser = "\(clone), 0x10000011, 0, 0, 0, 0"
}

/// A socket of the test that waits for connections.
private final class Listener {
  let descriptor: Int32
  let name = "puna-test-\(UUID().uuidString)"
  private(set) var port: UInt16 = 0

  struct Failed: Error { let error = errno }

  init(family: Int32) throws {
    descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    var bound: Int32 = -1
    if family == AF_INET {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      bound = withUnsafeMutableBytes(of: &address) { bytes in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
        return bind(descriptor, base, size) == 0 ? getsockname(descriptor, base, &size) : -1
      }
      port = UInt16(bigEndian: address.sin_port)
    } else {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.dropFirst().copyBytes(from: name.utf8) }
      let size = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
      bound = withUnsafeBytes(of: &address) { bytes in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
        return bind(descriptor, base, size)
      }
    }
    guard bound == 0, listen(descriptor, 4) == 0 else { throw Failed() }
  }

  deinit { close(descriptor) }
}
