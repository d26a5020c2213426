import CodeExecution
import Testing

/// Ids that nobody has.
@Suite struct UnusedIdentityTests {
  private func choose(_ mapped: [Range<UInt32>], isUsed: (UInt32) -> Bool = { _ in false }) -> UInt32? {
    var generator = SystemRandomNumberGenerator()
    return UnusedIdentity.choose(mapped: mapped, isUsed: isUsed, using: &generator)
  }

  @Test("Where every id exists it comes from the range that systems leave free") func preferred() {
    let ids = (0..<100).compactMap { _ in choose([0..<UInt32.max]) }
    #expect(ids.count == 100 && ids.allSatisfy(UnusedIdentity.preferred.contains))
    #expect(Set(ids).count > 95)
  }

  @Test("In a container with few ids it is one of these") func fewIDs() {
    #expect((0..<100).compactMap { _ in choose([0..<1, 1..<65536]) }.allSatisfy(UnusedIdentity.ordinary.contains))
    #expect(choose([0..<1]) == nil)
    #expect(choose([]) == nil)
  }

  @Test("An id that is used is never chosen") func used() {
    let range = UnusedIdentity.ordinary.lowerBound..<UnusedIdentity.ordinary.lowerBound + 10
    #expect((0..<50).compactMap { _ in choose([range]) { $0 != range.lowerBound + 3 } }.allSatisfy { $0 == range.lowerBound + 3 })
    #expect(choose([range]) { _ in true } == nil)
  }

  @Test("On this machine it belongs to no account and no process", arguments: [true, false]) func here(isName: Bool) throws {
    // A container may map too few for the second.
    guard let id = try? UnusedIdentity.onThisMachine(isName: isName) else { return #expect(!isName) }
    #expect(id >= UnusedIdentity.ordinary.lowerBound)
    #expect(!UnusedIdentity.usersOfProcesses().contains(id))
  }

  @Test("Maps of the kernel and of accounts are read as they are written, what is malformed not at all") func files() {
    #expect(UnusedIdentity.ranges(ofMapText: "         0          0 4294967295\n") == [0..<4_294_967_295])
    #expect(UnusedIdentity.ranges(ofMapText: "0 1000 1\n1 100000 65536\n") == [0..<1, 1..<65537])
    #expect(UnusedIdentity.ranges(ofMapText: "0 1000\nx y z\n") == [])
    #expect(UnusedIdentity.ranges(ofMapText: "4294967290 0 100") == [4_294_967_290..<4_294_967_295])
    #expect(
      UnusedIdentity.ranges(ofSubordinateText: "a:100000:65536\nb:165536:65536\nbroken:1\n:5:2\n") == [
        100000..<165536, 165536..<231072, 5..<7,
      ])
    #expect(UnusedIdentity.intersection([0..<10, 20..<30], [5..<25]) == [5..<10, 20..<25])
  }
}

/// What a program sees of the machine.
@Suite struct RootPlanTests {
  @Test("Parents come before what lies in them, and nothing comes twice") func order() throws {
    guard let interpreter = try? PythonInterpreter.find() else { return }
    var seen: Set<String> = ["/"]
    for entry in RootPlan(interpreter: interpreter).entries {
      let parent = "/" + entry.path.split(separator: "/").dropLast().joined(separator: "/")
      #expect(seen.contains(parent), "\(entry)")
      #expect(seen.insert(entry.path).inserted, "\(entry)")
    }
    #expect(seen.isSuperset(of: ["/usr", "/sandbox", "/dev/null"]))
    #expect(seen.isDisjoint(with: ["/proc", "/sys", "/var", "/run"]))
  }
}
