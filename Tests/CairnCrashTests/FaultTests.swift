import Glibc
import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: whatever call fails, and when: the commit that it belongs to fails with a typed error, those before it stand,
/// reads go on, and writes are refused until the store is opened again.
/// Method: a script of puts of all classes, in segments so small that they roll and checkpoints are written; for every
/// kind of call, each n-th one fails, once or from then on, until the script gets through.
@Suite(.serialized) struct FaultTests {
  /// All but what only frozen stores need, and who opens what is there.
  private static let kinds = FaultyFileSystem.Call.allCases.filter { $0 != .link && $0 != .read }

  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 60_000
    return options
  }

  private func put(_ number: Int, in store: Store) throws {
    let durability: Store.Durability = number % 7 == 0 ? .disk : .process
    if number % 5 == 0 {
      try store.write(durability: durability) { batch in
        for part in 0..<3 { try batch.put(value(number), for: SelfDescribing.key(number, part: part)) }
      }
    } else {
      try store.put(value(number), for: SelfDescribing.key(number, part: 0), durability: durability)
    }
  }

  private func value(_ number: Int) -> [UInt8] { SelfDescribing.value(number) + [UInt8](repeating: 1, count: 2000) }

  /// All acknowledged entries are there, whole; returns whether the next one is too.
  private func check(_ store: Store, acknowledged: Int, _ comment: Comment) throws -> Bool {
    for number in 0..<acknowledged {
      for part in 0..<(number % 5 == 0 ? 3 : 1) {
        #expect(try store.value(for: SelfDescribing.key(number, part: part)) == value(number), comment)
      }
    }
    let next = try store.value(for: SelfDescribing.key(acknowledged, part: 0))
    if let next { #expect(next == value(acknowledged), comment) }
    if acknowledged % 5 == 0 {
      for part in 1..<3 { #expect(try store.value(for: SelfDescribing.key(acknowledged, part: part)) == next, comment) }
    }
    return next != nil
  }

  /// Goal: a disk that has no room for what is reserved ahead still takes what fits.
  @Test func aDiskThatIsNearlyFull() throws {
    for after in 0..<8 {
      let directory = TemporaryDirectory()
      let fault = FaultyFileSystem.Fault()
      var options = options()
      options.checkpointInterval = nil
      let store = Store(
        engine: try Engine.open(directory.path("store"), options, FaultyFileSystem(fault: fault)))
      fault.set(.reserve, after: after, isForEver: false)
      for number in 0..<200 { try put(number, in: store) }
      #expect(fault.failed == 1)
      #expect(try check(store, acknowledged: 200, "\(after)") == false)
      try store.close()
    }
  }

  /// Goal: a store that is never synced does not use up the descriptors of its process.
  @Test func sealedSegmentsAreNotKeptOpen() throws {
    let directory = TemporaryDirectory()
    var options = options()
    options.checkpointInterval = .max
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    let value = [UInt8](repeating: 7, count: 4000)
    while store.statistics.segments < 200 { try store.put(value, for: "key") }
    try store.engine.mapSealed()
    let open = try Files.leaks(below: directory.path).filter { $0.hasPrefix("descriptor") }
    #expect(open.count < 40, "\(open.count)")
    try store.close()
  }

  /// Goal: space that an interrupted session had reserved comes back.
  /// Method: a full segment is as long as when the writer was killed before it could shorten it.
  @Test func reservedSpaceComesBack() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var store = try Store.open(at: path, options: options())
    for number in 0..<90 { try put(number, in: store) }
    try store.close()
    let names = try Files.segments(path)
    try #require(names.count > 2)
    let sizes = try names.map { try Files.read(path + "/" + $0).count }
    let first = path + "/" + names[0]
    try Files.write(try Files.read(first) + [UInt8](repeating: 0, count: 300_000), to: first)
    store = try Store.open(at: path, options: options())
    #expect(try Files.read(first).count == sizes[0])
    #expect(try check(store, acknowledged: 90, "trimmed") == false)
    try store.close()
  }

  /// Goal: what interrupted writes have left behind goes with the next session, and nothing else does.
  @Test func leftoversAreRemoved() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Store.open(at: path, options: options()).close()
    let leftovers = ["STORE.tmp", "index.checkpoint.tmp", "segments.gone.tmp", "segment-00000009.log.tmp"]
    for name in leftovers + ["notes.tmp"] { try Files.write([1], to: path + "/" + name) }
    try Store.open(at: path, options: Store.Options(.readOnly)).close()
    #expect(try Set(Files.names(path)).isSuperset(of: leftovers), "a reader changes nothing")
    try Store.open(at: path, options: options()).close()
    #expect(try Files.names(path).filter { $0.hasSuffix(".tmp") } == ["notes.tmp"])
  }

  /// Goal: the next segment is made by one thread only, however late the other one comes to it.
  /// Method: the background's task is carried out in the middle of everything that the writer does.
  @Test func theNextSegmentIsMadeOnce() throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    let engine = try Engine.open(directory.path("store"), options(), FaultyFileSystem(fault: fault))
    fault.beforeRecords.withLock { $0 = { try? engine.prepareNext() } }
    let store = Store(engine: engine)
    for number in 0..<90 { try put(number, in: store) }
    fault.beforeRecords.withLock { $0 = nil }
    try store.close()
    let again = try Store.open(at: directory.path("store"), options: options())
    _ = try check(again, acknowledged: 90, "with the next segment made at any time")
    try again.close()
  }

  @Test(arguments: kinds, [false, true]) func everyCallFails(call: FaultyFileSystem.Call, isForEver: Bool) throws {
    let puts = 90
    var step = 1
    var after = 0
    var met = 0
    while true {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      let fault = FaultyFileSystem.Fault()
      let store = Store(engine: try Engine.open(path, options(), FaultyFileSystem(fault: fault)))
      let comment: Comment = "\(call) number \(after), for ever: \(isForEver)"
      fault.set(call, after: after, isForEver: isForEver)
      var acknowledged = 0
      var failure: StoreError?
      while acknowledged < puts && failure == nil {
        do {
          try put(acknowledged, in: store)
          acknowledged += 1
        } catch let error as StoreError {
          failure = error
        }
      }
      if failure != nil {
        // Nothing of what failed is seen; nothing more is written, but where there was no space for it: nothing had
        // been begun then, and there may be some for less, or later.
        #expect(try check(store, acknowledged: acknowledged, comment) == false, comment)
        if call != .reserve {
          #expect(throws: StoreError.self, comment) { try put(acknowledged + 1, in: store) }
        }
        fault.clear()
        do {
          try put(acknowledged, in: store)
          #expect(call == .reserve, "the writer went on after a failure: \(comment)")
          acknowledged += 1
        } catch let error as StoreError {
          #expect(error.code == .writerFailed, comment)
        }
      }
      if call == .sync && !isForEver && failure != nil { #expect(failure?.code != .closed, comment) }
      try? store.close()
      // Asked after the close: what the background does is done by then, however slow the machine.
      let failed = fault.failed
      fault.clear()
      let leaks = try Files.leaks(below: path)
      #expect(leaks.isEmpty, "\(comment): \(leaks)")
      let reopened = try Store.open(at: path, options: options())
      _ = try check(reopened, acknowledged: acknowledged, comment)
      try reopened.close()
      if failure != nil || failed > 0 { met += 1 }
      if failed == 0 && failure == nil { break }
      after += step
      // Every one of the first, then fewer: writes are many.
      if after >= 12 { step = max(step, after / 4) }
    }
    #expect(met > 0, "\(call) was never called")
  }

  /// A sync that failed is not tried again: the kernel calls the lost pages clean, and the second try would succeed.
  @Test(arguments: [StoreError.Code.system, .noSpace]) func aFailedSyncIsFinal(code: StoreError.Code) throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    let store = try Store.open(at: directory.path("store"), options: options(), on: FaultyFileSystem(fault: fault))
    try store.put("1", for: "a")
    fault.set(.sync, after: 0, isForEver: false, code: code)
    #expect(throws: StoreError.self) { try store.sync() }
    for _ in 0..<3 { #expect(throws: StoreError.self) { try store.sync() } }
    #expect(throws: StoreError.self) { try store.put("2", for: "a", durability: .disk) }
    #expect(throws: StoreError.self) { try store.close() }
    #expect(fault.failed == 1)
    #expect(fault.callsAfterFailure == 0, "no file of the log was synced again")
  }

  /// A file system may say that it is full when it writes, too. What has been begun then cannot be taken back.
  @Test(arguments: [StoreError.Code.system, .noSpace]) func aFailedWriteIsFinal(code: StoreError.Code) throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    let store = try Store.open(at: directory.path("store"), options: options(), on: FaultyFileSystem(fault: fault))
    try store.put("1", for: "a")
    fault.set(.write, after: 0, isForEver: false, code: code)
    #expect(throws: StoreError.self) { try store.put("2", for: "a") }
    #expect(fault.failed == 1)
    let error = #expect(throws: StoreError.self) { try store.put("3", for: "a") }
    #expect(error?.code == .writerFailed)
    #expect(try store.value(for: "a") == Array("1".utf8))
    #expect(throws: StoreError.self) { try store.close() }
  }

  /// Commits that share a write and a sync fail with it: none of them is acknowledged.
  /// Method: a first commit is held up in its write while others gather behind it; then it goes through, and the sync
  /// of the group after it fails.
  @Test func aGroupFailsAsAWhole() throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    let store = try Store.open(at: directory.path("store"), options: options(), on: FaultyFileSystem(fault: fault))
    let isHeld = Atomic(true)
    let begun = Atomic(0)
    let isWriting = Atomic(false)
    fault.beforeRecords.withLock {
      $0 = {
        isWriting.store(true, ordering: .releasing)
        while isHeld.load(ordering: .acquiring) { usleep(1000) }
      }
    }
    let acknowledged = Mutex<[Int]>([])
    let threads = (0..<9).map { number in
      Thread {
        begun.add(1, ordering: .releasing)
        guard (try? store.put("\(number)", for: "\(number)", durability: .disk)) != nil else { return }
        acknowledged.withLock { $0.append(number) }
      }
    }
    for (number, thread) in threads.enumerated() {
      thread.start()
      // The first one has the turn before others come.
      while begun.load(ordering: .acquiring) <= number || !isWriting.load(ordering: .acquiring) { usleep(1000) }
      usleep(20_000)
    }
    fault.set(.sync, after: 1, isForEver: false)
    fault.beforeRecords.withLock { $0 = nil }
    isHeld.store(false, ordering: .releasing)
    for thread in threads { while !thread.isFinished { usleep(1000) } }
    #expect(acknowledged.withLock { $0 } == [0])
    #expect(try store.contents().keys.sorted { $0[0] < $1[0] } == [Array("0".utf8)])
    try? store.close()
  }

  /// Followers believe the word by which a writer tells of news: a writer that has none leaves none behind.
  @Test func noWordForNews() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Store.open(at: path, options: options()).close()
    var isMet = false
    for after in 0..<20 where !isMet {
      let fault = FaultyFileSystem.Fault()
      fault.set(.map, after: after, isForEver: false)
      guard let engine = try? Engine.open(path, options(), FaultyFileSystem(fault: fault)) else { continue }
      let store = Store(engine: engine)
      isMet = try fault.failed == 1 && !Files.names(path).contains(News.name)
      fault.clear()
      let follower = try Store.follow(path)
      try store.put("\(after)", for: "key")
      while try follower.value(for: "key") != Array("\(after)".utf8) { _ = sched_yield() }
      try follower.close()
      try store.close()
    }
    #expect(isMet)
  }

  /// F1-STO-003, F1-WRT-006.
  /// Creation may fail anywhere: there is then no store, or an empty one, and the next try makes one.
  @Test(arguments: kinds) func creationFailsAnywhere(call: FaultyFileSystem.Call) throws {
    for after in 0..<20 {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      let fault = FaultyFileSystem.Fault()
      fault.set(call, after: after, isForEver: true)
      do {
        let engine = try Engine.open(path, options(), FaultyFileSystem(fault: fault))
        try? engine.close()
      } catch {
        #expect(error.code == .system || error.code == .noSpace)
      }
      fault.clear()
      let store = try Store.open(at: path, options: options())
      #expect(store.lastSequence == 0)
      try store.put("v", for: "k")
      try store.close()
    }
  }

  /// A disk that cannot be read: an open fails with that, or goes without what it can do without, and harms nothing.
  /// Method: stores as a close and as a killed process leave them, with segments that are gone.
  @Test(arguments: [FaultyFileSystem.Call.read, .map], [Store.Options.Access.mustExist, .readOnly])
  func openingFailsAnywhere(call: FaultyFileSystem.Call, access: Store.Options.Access) throws {
    let fixture = TemporaryDirectory()
    let store = try Store.open(at: fixture.path("store"), options: options())
    for _ in 0..<2 { for number in 0..<60 { try put(number, in: store) } }
    try store.compact()
    for number in 60..<90 { try put(number, in: store) }
    try Files.copyStore(fixture.path("store"), to: fixture.path("killed"))
    try store.close()
    for (name, isForEver) in [("store", false), ("killed", false), ("store", true), ("killed", true)] {
      var met = 0
      for after in 0... {
        let directory = TemporaryDirectory()
        let path = directory.path("copy")
        try Files.copyTree(fixture.path(name), to: path)
        let fault = FaultyFileSystem.Fault()
        var options = options()
        options.access = access
        let comment: Comment = "\(name), \(call) number \(after), for ever: \(isForEver), \(access)"
        fault.set(call, after: after, isForEver: isForEver)
        let opened = Result { () throws(StoreError) in try Engine.open(path, options, FaultyFileSystem(fault: fault)) }
        let failed = fault.failed
        fault.clear()
        switch opened {
        case .success(let engine):
          let store = Store(engine: engine)
          _ = try check(store, acknowledged: 90, comment)
          try store.close()
        case .failure(let error):
          met += 1
          #expect(error.code == .system, "\(comment): \(error)")
        }
        #expect(try Files.leaks(below: path) == [], comment)
        let again = try Store.open(at: path, options: self.options())
        _ = try check(again, acknowledged: 90, comment)
        try again.close()
        if failed == 0 { break }
      }
      #expect(met > 0, "\(name), \(call), \(access)")
    }
  }
}
