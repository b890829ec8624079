import CairnTestSupport
import CairnTorture
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: a backup takes its place whole or not at all, whatever fails and whenever the process or the power goes; the
/// earlier one stays until then; the store does not notice.
@Suite struct BackupCrashTests {
  /// A store that has changed since it was backed up: it has grown, and compaction has been at it.
  private struct Fixture {
    let directory = TemporaryDirectory()
    let store: Store
    let contents: [[[UInt8]: Model.Entry]]
    var backup: String { directory.path("first") }

    init(_ fileSystem: some FileSystem = PosixFileSystem(), at path: String? = nil) throws {
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      options.compaction.isAutomatic = false
      store = try Store.open(at: directory.path("store"), options: options)
      // Segments that stay as they are.
      for number in 0..<320 { try store.put(SelfDescribing.value(number), for: "cold-\(number)") }
      var model = Numbered(keys: 100)
      for _ in 0..<100 { try model.write(to: store) }
      _ = try store.engine.backup(to: path ?? directory.path("first"), fileSystem) { _ in }
      let first = try store.contents()
      for _ in 0..<50 { try model.write(to: store) }
      try store.compact()
      for _ in 0..<100 { try model.write(to: store) }
      contents = [first, try store.contents()]
    }

    /// Which of the two a backup is; `nil`: there is none.
    func version(_ path: String, _ fileSystem: some FileSystem, _ comment: Comment) throws -> Int? {
      let backup: Store
      do {
        backup = Store(engine: try Engine.open(path, Store.Options(.readOnly), fileSystem))
      } catch {
        #expect(error.code == .notFound, "\(comment): \(error)")
        return nil
      }
      #expect(backup.damage == nil, comment)
      let content = try backup.contents()
      let version: Int = try #require(contents.firstIndex(of: content), comment)
      return version
    }
  }

  /// Killed before each call that changes something, or the power fails there.
  @Test(arguments: SeededRandom.seeds(2), [true, false]) func crashes(seed: UInt64, canExchange: Bool) throws {
    var random = SeededRandom(seed: seed)
    let start = SimulatedDisk()
    _ = try start.openDirectory("disk", creating: 0o700)
    let fixture = try Fixture(start, at: "disk/backup")
    let content = start.crashed()
    var (old, new, between, crashAt) = (0, 0, 0, 0)
    while true {
      let disk = SimulatedDisk(content, crashAt: crashAt, canExchange: canExchange)
      let done = try fixture.store.engine.backup(to: "disk/backup", disk) { _ in }
      #expect(done.bytesKept > 0 && done.bytesCopied > 0)
      let isOver = disk.calls <= crashAt
      let killed = disk.crashed()
      for number in 0..<(isOver ? 20 : 4) {
        let comment: Comment = "seed \(seed), before call \(crashAt), \(number)"
        let left = number == 0 ? killed : killed.afterPowerFailure(&random)
        let after = SimulatedDisk(left, canExchange: canExchange)
        let found = try fixture.version("disk/backup", after, comment)
        switch found {
        case 0?: old += 1
        case 1?: new += 1
        default:
          between += 1
          // The earlier one is there, under the name that the next backup looks for.
          #expect(!canExchange, comment)
          let names = try after.openDirectory("disk", creating: nil).names()
          let previous = try #require(names.first { $0.hasSuffix(TargetName.previousSuffix) }, comment)
          #expect(try fixture.version("disk/" + previous, after, comment) == 0, comment)
        }
        if isOver { #expect(found == 1, comment) }
        // Where the earlier one had lost its name, it is put back and used.
        let next = try fixture.store.engine.backup(to: "disk/backup", after) { _ in }
        #expect(next.bytesKept > 0, comment)
        #expect(try fixture.version("disk/backup", after, comment) == 1, comment)
        #expect(try after.openDirectory("disk", creating: nil).names() == ["backup"], comment)
      }
      if isOver { break }
      crashAt += 1
    }
    #expect(old > 0 && new > 0 && (between > 0) == !canExchange)
    try fixture.store.close()
  }

  /// The first one, where there is nothing to lose but the name.
  @Test(arguments: SeededRandom.seeds(2)) func firstCrashes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fixture = try Fixture()
    var crashAt = 0
    while true {
      let disk = SimulatedDisk(crashAt: crashAt)
      _ = try disk.openDirectory("disk", creating: 0o700)
      try Store.restore(from: "disk/backup", to: "disk/new", disk, of: fixture.store)
      let isOver = disk.calls <= crashAt
      let killed = disk.crashed()
      for number in 0..<4 {
        let comment: Comment = "seed \(seed), before call \(crashAt), \(number)"
        let after = SimulatedDisk(number == 0 ? killed : killed.afterPowerFailure(&random))
        _ = try after.openDirectory("disk", creating: 0o700)
        for name in ["backup", "new"] {
          let found = try fixture.version("disk/" + name, after, comment)
          #expect(found == 1 || found == nil && !isOver, comment)
        }
        // Where it is there already, it is not made again.
        if try fixture.version("disk/new", after, comment) == nil {
          try Store.restore(from: "disk/backup", to: "disk/new", after, of: fixture.store)
        }
        #expect(try fixture.version("disk/new", after, comment) == 1, comment)
        #expect(try after.openDirectory("disk", creating: nil).names().sorted() == ["backup", "new"], comment)
      }
      if isOver { break }
      crashAt += 1
    }
    try fixture.store.close()
  }

  /// A store is replaced by what is restored, whole or not at all.
  @Test(arguments: SeededRandom.seeds(1), [true, false]) func replacingCrashes(seed: UInt64, canExchange: Bool) throws {
    var random = SeededRandom(seed: seed)
    let start = SimulatedDisk()
    _ = try start.openDirectory("disk", creating: 0o700)
    // What is restored is the newer one; which one that is makes no difference.
    let fixture = try Fixture(start, at: "disk/store")
    _ = try fixture.store.engine.backup(to: "disk/backup", start) { _ in }
    let content = start.crashed()
    var (old, new, crashAt) = (0, 0, 0)
    while true {
      let disk = SimulatedDisk(content, crashAt: crashAt, canExchange: canExchange)
      _ = try Store.restore(from: "disk/backup", to: "disk/store", replacing: true, disk) { _ in }
      let isOver = disk.calls <= crashAt
      let killed = disk.crashed()
      for number in 0..<4 {
        let comment: Comment = "seed \(seed), before call \(crashAt), \(number)"
        let left = number == 0 ? killed : killed.afterPowerFailure(&random)
        let after = SimulatedDisk(left, canExchange: canExchange)
        let found = try fixture.version("disk/store", after, comment)
        if found == 0 { old += 1 }
        if found == 1 { new += 1 }
        #expect(found == 1 || found == 0 && !isOver || found == nil && !canExchange, comment)
        #expect(try fixture.version("disk/backup", after, comment) == 1, comment)
        _ = try Store.restore(from: "disk/backup", to: "disk/store", replacing: true, after) { _ in }
        #expect(try fixture.version("disk/store", after, comment) == 1, comment)
        #expect(try after.openDirectory("disk", creating: nil).names().sorted() == ["backup", "store"], comment)
      }
      if isOver { break }
      crashAt += 1
    }
    #expect(old > 0 && new > 0)
    try fixture.store.close()
  }

  /// What is kept may have been copied from elsewhere, and not be on the disk yet.
  @Test(arguments: SeededRandom.seeds(2)) func keptIsOnTheDisk(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let disk = SimulatedDisk()
    let parent = try disk.openDirectory("disk", creating: 0o700)
    let fixture = try Fixture(disk, at: "disk/first")
    let from = try disk.openDirectory("disk/first", creating: nil)
    let to = try disk.openDirectory("disk/copy", creating: 0o700)
    for name in try from.names() {
      let file = try #require(try from.open(name, forWriting: false))
      let memory = try System.allocate(byteCount: max(1, try file.byteCount()))
      let view = memory.view.slice(0, try file.byteCount())
      _ = try file.read(into: view, at: 0)
      try to.create(name, permissions: 0o600).write(view, at: 0)
    }
    try to.sync()
    let done = try fixture.store.engine.backup(to: "disk/backup", since: "disk/copy", disk) { _ in }
    #expect(done.bytesKept > 0)
    try parent.sync()
    for number in 0..<50 {
      let comment: Comment = "seed \(seed), \(number)"
      let after = SimulatedDisk(disk.crashed().afterPowerFailure(&random))
      #expect(try fixture.version("disk/backup", after, comment) == 1, comment)
    }
    try fixture.store.close()
  }

  /// Any call fails, once or from then on: a typed error, or another way; the earlier backup is there, and nothing
  /// else.
  @Test(arguments: FaultyFileSystem.Call.allCases, [false, true])
  func everyCallFails(call: FaultyFileSystem.Call, canExchange: Bool) throws {
    let fixture = try Fixture()
    for isForEver in [false, true] {
      let met = try everyCallFails(fixture, call, isForEver: isForEver, canExchange: canExchange)
      // Where a file cannot be linked it is copied; what cannot be removed stays; nothing is mapped.
      #expect((met > 0) == ![.link, .unlink, .map].contains(call), "\(call)")
    }
    // The store has not noticed.
    try fixture.store.put("more", for: "key")
    try fixture.store.close()
  }

  private func everyCallFails(
    _ fixture: Fixture, _ call: FaultyFileSystem.Call, isForEver: Bool, canExchange: Bool
  ) throws -> Int {
    var met = 0
    for after in 0... {
      let directory = TemporaryDirectory()
      let path = directory.path("backup")
      try Files.copyTree(fixture.backup, to: path)
      // Leftovers, so that there is something to unlink: one of a backup, and one of a frozen store.
      try Files.copyTree(fixture.backup, to: path + ".0123456789abcdef.tmp")
      try Files.write([1], to: path + ".0123456789abcdee.tmp")
      let fault = FaultyFileSystem.Fault()
      let fileSystem = FaultyFileSystem(fault: fault)
      fault.canExchange.withLock { $0 = canExchange }
      fault.set(call, after: after, isForEver: isForEver)
      let comment: Comment = "\(call) number \(after), for ever: \(isForEver), exchange: \(canExchange)"
      let result = Result { () throws(StoreError) in try fixture.store.engine.backup(to: path, fileSystem) { _ in } }
      let failed = fault.failed
      fault.clear()
      let found = try fixture.version(path, PosixFileSystem(), comment)
      let names = Set(try Files.names(directory.path)).subtracting(["backup.0123456789abcdee.tmp"])
      switch result {
      case .success:
        #expect(found == 1, comment)
        if call != .unlink { #expect(names == ["backup"], comment) }
      case .failure(let error):
        met += 1
        #expect(error.code == .system || error.code == .noSpace, "\(comment): \(error)")
        if call == .rename && isForEver && !canExchange && found == nil {
          // It could not even be given its name back; the next one does that.
          #expect(names.count == 1 && names.first!.hasSuffix(".previous"), comment)
        } else if call == .syncDirectory && found == 1 {
          // The very last call. The earlier one is kept as long as its name may come back.
          #expect(names.count == 2, comment)
        } else {
          #expect(found == 0, comment)
          // Before it has read what is there, nothing is removed.
          let isFirst = call == .read && after == 0
          if call != .unlink && !isFirst { #expect(names == ["backup"], comment) }
        }
      }
      #expect(try Files.leaks(below: directory.path) == [], comment)
      let next = try fixture.store.engine.backup(to: path, PosixFileSystem()) { _ in }
      #expect(next.bytesKept > 0, comment)
      #expect(try fixture.version(path, PosixFileSystem(), comment) == 1, comment)
      #expect(try Files.names(directory.path) == ["backup", "backup.0123456789abcdee.tmp"], comment)
      if failed == 0 { return met }
    }
    return met
  }

  /// A writer that has failed: what was committed can be saved, and nothing of what failed.
  @Test func ofAFailedWriter() throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    let store = Store(
      engine: try Engine.open(directory.path("store"), options, FaultyFileSystem(fault: fault)))
    for number in 0..<500 { try store.put(SelfDescribing.value(number), for: "key-\(number)") }
    fault.set(.write, after: 0, isForEver: true)
    #expect(throws: StoreError.self) { try store.put("never", for: "key-1") }
    try store.backup(to: directory.path("backup"))
    let backup = try Store.open(at: directory.path("backup"), options: Store.Options(.readOnly))
    #expect(try backup.contents() == store.contents())
    #expect(backup.lastSequence == 500)
    try? store.close()
  }

  /// One that is being written is not taken for a leftover.
  @Test func twoAtOnce() throws {
    let fixture = try Fixture()
    let path = fixture.directory.path("backup")
    var inner: StoreError?
    var temporary: [String] = []
    try fixture.store.backup(to: path) { (progress) throws(StoreError) in
      guard progress.bytesCopied == 0, inner == nil else { return }
      temporary = (try? Files.names(fixture.directory.path)) ?? []
      try fixture.store.backup(to: path)
      inner = StoreError(.system, "done")
    } onError: {
      inner = $0
    }
    #expect(temporary.contains { $0.hasSuffix(".tmp") })
    #expect(try fixture.version(path, PosixFileSystem(), "the first to be ready") == 1)
    // The other one finds that there is something, and leaves it.
    #expect(inner?.code == .locked)
    #expect(try Files.names(fixture.directory.path) == ["backup", "first", "store"])
    // Of two that replace it, one waits its turn.
    try fixture.store.backup(to: path) { (progress) throws(StoreError) in
      guard progress.bytesCopied == 0 else { return }
      let error = #expect(throws: StoreError.self) { try fixture.store.backup(to: path) }
      #expect(error?.code == .locked)
    }
    try fixture.store.close()
  }
}

extension Store {
  /// Backs a store up, and restores that.
  fileprivate static func restore(
    from backup: String, to path: String, _ disk: SimulatedDisk, of store: Store
  ) throws {
    _ = try store.engine.backup(to: backup, disk) { _ in }
    _ = try Store.restore(from: backup, to: path, disk) { _ in }
  }

  fileprivate func backup(
    to path: String, _ progress: (BackupProgress) throws(StoreError) -> Void, onError: (StoreError) -> Void
  ) throws {
    do throws(StoreError) { try backup(to: path, progress: progress) } catch { onError(error) }
  }
}
