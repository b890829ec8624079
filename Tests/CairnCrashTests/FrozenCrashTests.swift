import CairnTestSupport
import CairnTorture
import Testing

@testable import Cairn

/// Goal: a file takes its place whole or not at all, whatever fails and whenever the process or the power goes; and
/// nothing that was there is lost, but on purpose.
@Suite struct FrozenCrashTests {
  /// Several writes' worth of bytes, which tell which generation they are of.
  private func build(
    _ generation: Int, _ path: String, _ fileSystem: any FileSystem, keepsPrevious: Bool
  ) throws(StoreError) {
    var options = FrozenStore.BuildOptions()
    options.keepsPrevious = keepsPrevious
    let builder = try FrozenStoreBuilder(path, options, fileSystem)
    for number in 0..<30 { try builder.add(value(generation, number), for: "key-\(number)") }
    try builder.finish()
  }

  private func value(_ generation: Int, _ number: Int) -> [UInt8] {
    // One that is written by itself, and others that are gathered.
    let count = number == 3 ? 270_000 : 100
    return Array("\(generation)/\(number)".utf8) + [UInt8](repeating: UInt8(generation), count: count)
  }

  /// Which generation the file is of, all of it; `nil`: there is none.
  private func generation(_ path: String, _ fileSystem: any FileSystem, _ comment: Comment) throws -> Int? {
    var options = FrozenStore.Options()
    options.fallsBack = false
    options.opening = .everything
    let store: FrozenStore
    do { store = try FrozenStore.open(path, options, fileSystem) } catch {
      #expect(error.code == .notFound, "\(comment): \(error)")
      return nil
    }
    let text = try store.value(for: "key-0")!.prefix { $0 != UInt8(ascii: "/") }
    let generation = try #require(Int(String(decoding: text, as: UTF8.self)), comment)
    for number in 0..<30 { #expect(try store.value(for: "key-\(number)") == value(generation, number), comment) }
    return generation
  }

  /// Killed before each call that changes something, or the power fails there: the old file or the new one is there,
  /// whole, and the next freeze leaves nothing of what was begun.
  @Test(arguments: SeededRandom.seeds(2), [false, true]) func crashes(seed: UInt64, keepsPrevious: Bool) throws {
    var random = SeededRandom(seed: seed)
    let start = SimulatedDisk()
    _ = try start.openDirectory(".", creating: 0o700)
    try build(1, "frozen", start, keepsPrevious: keepsPrevious)
    try build(2, "frozen", start, keepsPrevious: keepsPrevious)
    let content = start.crashed()
    var (old, new, crashAt) = (0, 0, 0)
    while true {
      let disk = SimulatedDisk(content, crashAt: crashAt)
      try build(3, "frozen", disk, keepsPrevious: keepsPrevious)
      let isOver = disk.calls <= crashAt
      let killed = disk.crashed()
      for number in 0..<(isOver ? 30 : 6) {
        let comment: Comment = "seed \(seed), before call \(crashAt), \(number)"
        let left = number == 0 ? killed : killed.afterPowerFailure(&random)
        let after = SimulatedDisk(left)
        let found = try generation("frozen", after, comment)
        if isOver { #expect(found == 3, comment) }
        #expect(found == 2 || found == 3, comment)
        if found == 2 { old += 1 } else { new += 1 }
        if keepsPrevious {
          let previous = try generation("frozen.previous", after, comment)
          #expect(previous == 1 || previous == 2, comment)
          // The one before is not lost, whichever is there.
          if found == 3 && number == 0 { #expect(previous == 2, comment) }
        }
        try build(4, "frozen", after, keepsPrevious: keepsPrevious)
        #expect(try generation("frozen", after, comment) == 4, comment)
        #expect(
          after.crashed().names.keys.sorted() == (keepsPrevious ? ["frozen", "frozen.previous"] : ["frozen"]), comment)
      }
      if isOver { break }
      crashAt += 1
    }
    #expect(old > 0 && new > 0)
  }

  /// Any call fails, once or from then on: a typed error, the old file is there, and nothing else; the builder does
  /// not go on.
  @Test(arguments: FaultyFileSystem.Call.allCases, [false, true])
  func everyCallFails(call: FaultyFileSystem.Call, isForEver: Bool) throws {
    var met = 0
    for after in 0... {
      let directory = TemporaryDirectory()
      let path = directory.path("frozen")
      try build(1, path, PosixFileSystem(), keepsPrevious: true)
      try build(2, path, PosixFileSystem(), keepsPrevious: true)
      // A leftover, so that there is something to unlink.
      try Files.write([1], to: path + ".0123456789abcdef.tmp")
      let fault = FaultyFileSystem.Fault()
      let fileSystem = FaultyFileSystem(fault: fault)
      fault.set(call, after: after, isForEver: isForEver)
      let comment: Comment = "\(call) number \(after), for ever: \(isForEver)"
      let result = Result { () throws(StoreError) in try build(3, path, fileSystem, keepsPrevious: true) }
      let failed = fault.failed
      fault.clear()
      switch result {
      case .success: #expect(try generation(path, PosixFileSystem(), comment) == 3, comment)
      case .failure(let error):
        met += 1
        #expect(error.code == .system || error.code == .noSpace, "\(comment): \(error)")
        // Only when the very last call fails is the new one there already.
        #expect(try generation(path, PosixFileSystem(), comment) == (call == .syncDirectory ? 3 : 2), comment)
        let previous = try generation(path + ".previous", PosixFileSystem(), comment)
        #expect(previous == 1 || previous == 2, comment)
        // Where it cannot be removed, or has not been looked at, the next one does it.
        let names = try Files.names(directory.path).sorted()
        let isFirst = call == .read && after == 0
        if call != .unlink && !isFirst { #expect(names == ["frozen", "frozen.previous"], comment) }
      }
      #expect(try Files.leaks(below: directory.path) == [], comment)
      try build(4, path, PosixFileSystem(), keepsPrevious: true)
      #expect(try generation(path, PosixFileSystem(), comment) == 4, comment)
      #expect(try Files.names(directory.path).sorted() == ["frozen", "frozen.previous"], comment)
      if failed == 0 { break }
    }
    // What it does not do cannot fail: it makes its file by taking a lock, and never shortens one.
    let isNeeded = ![.create, .truncate].contains(call)
    #expect((met > 0) == isNeeded, "\(call)")
  }

  /// Goal: a failure of the disk while a store is frozen is no failure of the store.
  @Test func theStoreGoesOn() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    for number in 0..<30 { try store.put(value(1, number), for: "key-\(number)") }
    for call in [FaultyFileSystem.Call.write, .reserve, .sync, .rename] {
      let fault = FaultyFileSystem.Fault()
      fault.set(call, after: call == .write ? 1 : 0, isForEver: false)
      let error = #expect(throws: StoreError.self) {
        _ = try store.engine.freeze(
          to: directory.path("frozen"), FrozenStore.BuildOptions(), FaultyFileSystem(fault: fault), nil)
      }
      #expect(error?.code == (call == .reserve ? .noSpace : .system))
      #expect(try Files.names(directory.path) == ["store"])
      try store.put("more", for: "\(call)")
      #expect(try store.value(for: "key-7") == value(1, 7))
    }
    try store.freeze(to: directory.path("frozen"))
    #expect(try FrozenStore.open(directory.path("frozen")).count == 34)
    try store.close()
  }
}
