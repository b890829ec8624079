import CairnTestSupport
import CairnTorture
import Testing

@testable import Cairn

/// Goal: there is no call before which a kill, or a power failure, or both one after the other, could harm.
/// Method: short sessions on a simulated disk, stopped before every single call; then another session; then the power
/// fails in many ways. Entries are numbered, so what is there must be the first so many, whole.
@Suite struct CrashPointTests {
  private func options() -> Store.Options {
    var options = Store.Options()
    // The least in which a session goes on after another.
    options.segmentBytes = 128 << 10
    options.durability = .process
    return options
  }

  private func open(_ disk: SimulatedDisk, _ options: Store.Options? = nil) throws(StoreError) -> Store {
    try Store.open(at: "store", options: options ?? self.options(), on: disk)
  }

  /// What a power failure has left is a store.
  private func expectToOpen(
    _ content: SimulatedDisk.Content, _ options: Store.Options, seed: UInt64, _ look: (Store) throws -> Void = { _ in }
  ) throws {
    let store: Store
    do { store = try open(SimulatedDisk(content), options) } catch {
      Issue.record("seed \(seed): \(error)")
      return
    }
    try look(store)
    try store.close()
  }

  /// Values of two pages or half of one, so that records can be lost one by one.
  private func value(_ number: Int) -> [UInt8] {
    SelfDescribing.value(number) + [UInt8](repeating: 7, count: number % 10 < 3 ? 9000 : 2000)
  }

  private func put(_ numbers: Range<Int>, in store: Store, _ durability: Store.Durability = .process) throws {
    for number in numbers { try store.put(value(number), for: "\(number)", durability: durability) }
  }

  /// Opens what the disk holds, and returns how many entries are there: the first ones, or the content is wrong.
  @discardableResult
  private func check(_ content: SimulatedDisk.Content, atLeast promised: Int, _ comment: Comment) throws -> Int {
    let store: Store
    do {
      store = try open(SimulatedDisk(content))
    } catch {
      Issue.record("\(comment): \(error)")
      return promised
    }
    let there = try store.contents()
    #expect(there.count >= promised, comment)
    for number in 0..<there.count { #expect(try store.value(for: "\(number)") == value(number), comment) }
    try store.close()
    return there.count
  }

  /// A session that is killed while it is being closed, or just after; one that goes on; then the power fails.
  @Test(arguments: SeededRandom.seeds(1)) func killedThenPoweredOff(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var crashAt = 0
    while true {
      let disk = SimulatedDisk(crashAt: crashAt)
      let first = try open(disk)
      try put(0..<3, in: first)
      let before = disk.calls
      try first.close()
      if disk.calls <= crashAt { return }
      crashAt += 1
      // What comes before is killed in the other tests, many times over.
      if crashAt <= before { continue }
      let killed = disk.crashed()
      let comment: Comment = "seed \(seed), killed before call \(crashAt - 1)"
      let next = SimulatedDisk(killed)
      let second = try open(next)
      try put(3..<10, in: second)
      let content = next.crashed()
      try second.close()
      try check(killed, atLeast: 3, comment)
      try check(content, atLeast: 10, comment)
      for _ in 0..<100 { try check(content.afterPowerFailure(&random), atLeast: 0, comment) }
    }
  }

  /// Goal: a store whose maker was killed is one, also if who opens it next is killed as well, and the power fails.
  /// Method: both sessions are stopped before each call; then of the names each combination is lost.
  @Test func killedWhileItWasMade() throws {
    var seen: Set<UInt64> = []
    for made in 0... {
      let first = SimulatedDisk(crashAt: made)
      try open(first).close()
      if first.calls <= made { break }
      for call in 0... {
        let second = SimulatedDisk(first.crashed(), crashAt: call)
        let store = try open(second)
        let (isOpen, content) = (second.calls <= call, second.crashed())
        try store.close()
        let names = content.changes.indices.map { SimulatedDisk.Doubt.name($0) }.prefix(10)
        for subset in 0..<1 << names.count {
          let reached = names.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
          let image = content.image(with: Set(reached))
          guard seen.insert(image.digest).inserted else { continue }
          try check(image, atLeast: 0, "killed before call \(made), then before call \(call), with \(reached)")
        }
        if isOpen { break }
      }
    }
    #expect(seen.count > 20)
  }

  /// What is promised first is there, and so is the store.
  @Test func theFirstCommit() throws {
    let disk = SimulatedDisk()
    let store = try open(disk)
    try put(0..<1, in: store, .disk)
    let content = disk.crashed()
    try store.close()
    try check(content.image(with: []), atLeast: 1, "nothing but what was synced")
  }

  /// The power failed when there were some segments, and of all but the first only the headers were on the disk: these
  /// are removed at the next open, which the power may interrupt again before each call.
  @Test(arguments: SeededRandom.seeds(1)) func removalOfVoidSegments(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let disk = SimulatedDisk()
    let store = try open(disk)
    try put(0..<2, in: store, .disk)
    var content = disk.crashed()
    try put(2..<150, in: store)
    let later = disk.crashed()
    try store.close()
    let names = later.names.keys.filter { SegmentHeader.number($0) != nil }.sorted()
    try #require(names.count > 4)
    for name in names.dropFirst() {
      let number = try #require(later.names[name])
      let inode = try #require(later.inodes[number])
      let header = SimulatedDisk.Inode.page(0, inode.content)[..<256] + [UInt8](repeating: 0, count: 131072 - 256)
      content.inodes[number] = SimulatedDisk.Inode(content: Array(header), synced: Array(header))
      content.names[name] = number
    }
    content.syncedNames = content.names
    content.changes = []
    for crashAt in 0... {
      let disk = SimulatedDisk(content, crashAt: crashAt)
      try open(disk).close()
      if disk.calls <= crashAt { break }
      let comment: Comment = "seed \(seed), before call \(crashAt)"
      try check(disk.crashed(), atLeast: 2, comment)
      for _ in 0..<12 { try check(disk.crashed().afterPowerFailure(&random), atLeast: 2, comment) }
    }
  }

  /// F1-WRT-002, F1-WRT-004.
  /// Goal: what a session after a crash writes does not speak against what the crash has left.
  /// Method: a session is killed; the next one syncs the older segments, as a checkpoint does in the background, goes
  /// on writing, and the power fails. Nothing of it was promised to be on the disk: the store opens.
  @Test func powerFailureAfterACrash() throws {
    for seed in SeededRandom.seeds(40) {
      var random = SeededRandom(seed: seed)
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      let first = SimulatedDisk()
      let killed = try open(first, options)
      try killed.put("value", for: "key")
      let second = SimulatedDisk(first.crashed())
      try killed.close()
      let store = try open(second, options)
      try store.engine.syncSealed()
      for number in 0..<60 { try store.put([UInt8](repeating: 7, count: 200), for: "\(number)") }
      let content = second.crashed().afterPowerFailure(&random)
      try store.close()
      try expectToOpen(content, options, seed: seed)
    }
  }

  /// Goal: that a segment was filled and synced proves nothing against what is torn in the next one.
  /// Method: the first segment is full and on the disk, and records of the next one say so; then the power fails.
  @Test func powerFailureBehindASealedSegment() throws {
    for seed in SeededRandom.seeds(40) {
      var random = SeededRandom(seed: seed)
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      let disk = SimulatedDisk()
      let store = try open(disk, options)
      while store.engine.log.segment == 1 { try store.put([UInt8](repeating: 7, count: 900), for: "first") }
      try store.engine.syncSealed()
      for number in 0..<30 { try store.put([UInt8](repeating: 7, count: 900), for: "\(number)") }
      let content = disk.crashed().afterPowerFailure(&random)
      try store.close()
      try expectToOpen(content, options, seed: seed) { store in
        let isThere = try store.contains("first")
        #expect(isThere, "seed \(seed)")
      }
    }
  }

  /// Goal: what is promised to be on the disk after a session whose sync had failed does not rest on what that sync
  /// has lost. The kernel shows such pages, and calls them clean.
  /// Method: a sync fails; another process opens the store, and commits to the disk; then the power fails, and of what
  /// has not been synced nothing is left.
  @Test(arguments: [false, true], [0, 1, 7] as [UInt64])
  func aSyncThatFailedInAnEarlierSession(isSealed: Bool, loss: UInt64) throws {
    let first = SimulatedDisk()
    var store = try open(first)
    try put(0..<3, in: store, .disk)
    try store.close()
    for call in 0... {
      let failing = SimulatedDisk(
        first.crashed(), failure: SimulatedDisk.Failure(call: call, loss: loss))
      let failed: Bool
      do throws(StoreError) {
        store = try open(failing)
        for number in 3..<(isSealed ? 60 : 12) { try store.put(value(number), for: "\(number)") }
        try store.sync()
        failed = false
      } catch {
        failed = true
      }
      let isOver = failing.calls <= call
      try? store.close()
      let next = SimulatedDisk(failing.crashed())
      let second = try open(next)
      let there = try second.contents().count
      for number in 0..<there { #expect(try second.value(for: "\(number)") == value(number), "call \(call)") }
      try put(there..<there + 3, in: second, .disk)
      let content = next.crashed().image(with: [])
      try second.close()
      try check(content, atLeast: there + 3, "call \(call), failed: \(failed)")
      if isOver { break }
    }
  }

  /// Where the kernel has forgotten what it showed after such a failure, nothing is promised any more.
  /// Method: bytes of an earlier session's segment change when they have been read.
  @Test func pagesThatChangeAfterTheyWereRead() throws {
    let small = try SmallStore(seed: 3, operations: 20, isClosed: false)
    let path = small.path + "/segment-00000001.log"
    let store = try Store.open(at: small.path, options: small.options)
    try store.put("new", for: "new")
    var bytes = try Files.read(path)
    bytes[256 + 72 + 20] ^= 1
    try Files.write(bytes, to: path)
    let error = #expect(throws: StoreError.self) { try store.sync() }
    #expect(error?.code == .damaged && error?.byteOffset == 256 + 72, "\(error as Any)")
    let next = #expect(throws: StoreError.self) { try store.put("newer", for: "new") }
    #expect(next?.code == .writerFailed)
    #expect(throws: StoreError.self) { try store.close() }
  }

  /// Goal: the same for the mark of a clean close, which the next session goes on behind: nothing rests on a mark that
  /// a sync has lost.
  /// Method: the mark stands at each place around the end of a page, so that what comes behind it does not touch that
  /// page; each call of the close fails; another session commits to the disk; then the power fails.
  @Test(arguments: [0, 1, 7] as [UInt64]) func aCloseThatFailedToSync(loss: UInt64) throws {
    var options = options()
    options.hasThreads = false
    var failed = 0
    for place in stride(from: 4032, through: 4096, by: 8) {
      let whole = SimulatedDisk()
      _ = try close(on: whole, options, markAt: place)
      for number in 0... {
        let failing = SimulatedDisk(failure: SimulatedDisk.Failure(call: whole.calls - 1 - number, loss: loss))
        guard let isFailed = try close(on: failing, options, markAt: place) else { break }
        if isFailed { failed += 1 }
        let next = SimulatedDisk(failing.crashed())
        let second = try open(next, options)
        try second.put("last", for: "last", durability: .disk)
        let content = next.crashed().image(with: [])
        try second.close()
        let store = try open(SimulatedDisk(content))
        let there = try store.contents().count
        #expect(there == 3, "the mark at \(place), a failure at the last call but \(number)")
        try store.close()
      }
    }
    #expect(failed > 20)
  }

  /// Returns whether the close has failed; `nil` if something else has.
  private func close(on disk: SimulatedDisk, _ options: Store.Options, markAt place: Int) throws -> Bool? {
    do {
      let store = try open(disk, options)
      try store.put("first", for: "first")
      let position = store.engine.log.position
      let byteCount = 64 + (place - position - 64) & 4095
      try store.put([UInt8](repeating: 7, count: byteCount - 32 - 8), for: "aligning")
      #expect(store.engine.log.position % 4096 == place % 4096)
      do { try store.close() } catch { return true }
      return false
    } catch {
      return nil
    }
  }
}
