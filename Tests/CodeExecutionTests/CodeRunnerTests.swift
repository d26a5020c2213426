import CodeExecution
import Foundation
import Testing

extension SandboxTests {
  /// How programs end, and what is said of them.
  @Suite struct CodeRunnerTests {
    @Test("A program that comes to its end passes and leaves its output") func passes() throws {
      let result = try Available.runner().run(python: "import math, typing, hashlib, re\nprint('ä', math.floor(2.5))")
      #expect(result.outcome == .passed)
      #expect(result.output == "ä 2\n")
      #expect(result.seconds > 0 && result.seconds < 30)
    }

    @Test(
      "What does not come to its end does not pass",
      arguments: [
        ("assert 1 == 2", 1), ("1/0", 1), ("x = [", 1), ("def f():\nreturn 1", 1), ("import sys; sys.exit(0)\nassert False", 0),
        ("import os; os._exit(0)", 0), ("raise SystemExit", 0), ("import sys; sys.exit(7)", 7), ("def f(): f()\nf()", 1),
        ("x = 'open", 1), ("x = 1\\", 1), ("\u{0}", 1), ("import os; os.close(3)", 1),
        ("import os; os.write(3, b'0' * 32); os._exit(0)", 0),
        ("import os; os.write(3, b'0' * 32)", 0), ("import os, atexit; atexit.register(os._exit, 3)", 3), ("input()", 1),
      ] as [(String, Int32)]) func fails(program: String, status: Int32) throws
    {
      #expect(try Available.runner().run(python: program).outcome == .failed(status: status))
    }

    @Test("A traceback names the program's lines and nothing of ours") func traceback() throws {
      let result = try Available.runner().run(python: "def f(x):\n    return x / 0\n\nf(1)\n")
      #expect(result.output.contains("File \"program.py\", line 2, in f\n    return x / 0\n"))
      #expect(result.output.hasSuffix("ZeroDivisionError: division by zero\n"))
      #expect(!result.output.contains("<string>"))
    }

    @Test("A crash is a signal") func crash() throws {
      let result = try Available.runner().run(python: "import ctypes; ctypes.string_at(0)")
      #expect(result.outcome == .killed(signal: SIGSEGV))
    }

    @Test("Names begin empty, and hashes do not depend on the run") func names() throws {
      let program =
        "assert __name__ != '__main__' and sorted(globals()) == ['__builtins__']; print(hash('seed'), list({'a', 'b', 'c', 'd'}))"
      let results = try (0..<3).map { _ in try Available.runner().run(python: program) }
      #expect(results.allSatisfy { $0.outcome == .passed })
      #expect(Set(results.map(\.output)).count == 1)
    }

    @Test("Nothing of the caller's environment is there") func environment() throws {
      setenv("PUNA_TEST_SECRET", "secret", 1)
      let program = """
        import os, sys
        assert sorted(os.environ) == ["HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "TMPDIR"], os.environ
        assert not any("site-packages" in path or "dist-packages" in path for path in sys.path)
        assert sys.stdin.read() == ""
        """
      #expect(try Available.runner().run(python: program).outcome == .passed)
    }

    @Test("An endless loop is stopped when its time is over", arguments: ["while True: pass", "import time; time.sleep(1000)"])
    func endless(program: String) throws {
      let result = try Available.runner { $0.seconds = 1 }.run(python: program)
      #expect(result.outcome == .timedOut)
      #expect(result.seconds >= 1 && result.seconds < 3)
      #expect(remainingProcesses() == [])
    }

    @Test("Of much output the end is kept, as valid text, and the program goes on") func longOutput() throws {
      let runner = try Available.runner {
        $0.outputBytes = 1000
        $0.seconds = 30
      }
      let result = try runner.run(python: "import sys\nfor _ in range(100000): sys.stdout.write('ä€')\nprint('end')")
      #expect(result.outcome == .passed)
      #expect(result.output.utf8.count <= 1000 && result.output.utf8.count > 990)
      #expect(result.output.hasSuffix("ä€end\n"))
      #expect(!result.output.contains("\u{FFFD}"))
    }

    @Test("Output that is not UTF-8 becomes text") func binaryOutput() throws {
      let result = try Available.runner().run(python: "import os; os.write(1, bytes([65, 255, 66]))")
      #expect(result.output == "A\u{FFFD}B")
    }

    @Test("Programs run from several threads at a time, each with its own answer") func parallel() async throws {
      let runner = try Available.runner()
      try await withThrowingTaskGroup(of: (Int, CodeRunner.Result).self) { group in
        for index in 0..<6 { group.addTask { (index, try runner.run(python: "print(\(index))")) } }
        for try await (index, result) in group {
          #expect(result.outcome == .passed)
          #expect(result.output == "\(index)\n")
        }
      }
      #expect(remainingProcesses() == [])
    }

    @Test("Without python3 the error says so") func withoutPython() throws {
      #expect(throws: CodeExecutionError.pythonNotFound(path: "/nowhere:/none")) { try PythonInterpreter.find(path: "/nowhere:/none") }
      #expect(
        CodeExecutionError.pythonNotFound(path: "/nowhere").description
          == "python3 was not found in PATH (/nowhere). Install Python 3, or put its folder into PATH.")
    }
  }
}

/// Answers that need no sandbox.
@Suite struct RefusalTests {
  @Test("A refusal says what was refused and what helps")
  func refusal() {
    let asUser = CodeExecutionError.refused(step: .namespaces, subject: nil, error: EPERM, privileged: false).description
    #expect(asUser.hasPrefix("Programs cannot be run safely here: a process with namespaces of its own failed: Operation not permitted."))
    #expect(asUser.contains("kernel.unprivileged_userns_clone=1"))
    let asRoot = CodeExecutionError.refused(step: .namespaces, subject: nil, error: EPERM, privileged: true).description
    #expect(asRoot.contains("--cap-add SYS_ADMIN"))
    let path = CodeExecutionError.refused(step: .openPath, subject: "/opt/python/lib", error: ENOENT, privileged: true).description
    #expect(path.contains("a read-only view of /opt/python/lib failed: No such file or directory."))
  }

  @Test("A python3 that does not say where it lies is refused") func brokenPython() throws {
    let folder = NSTemporaryDirectory() + "puna-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "#!/bin/sh\necho broken shim\nexit 127\n".write(toFile: folder + "/python3", atomically: false, encoding: .utf8)
    chmod(folder + "/python3", 0o755)
    let error = #expect(throws: CodeExecutionError.self) { try PythonInterpreter.find(path: folder) }
    #expect(error?.description.contains("asked where it lies it answered \"broken shim\n\" with status 127") == true)
  }
}
