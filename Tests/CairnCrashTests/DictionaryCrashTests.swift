import CairnTestSupport
import CairnTorture
import Testing

@testable import Cairn

/// Goal: whatever happens while a dictionary is trained and taken into use, and while values are compressed anew,
/// nothing is lost and every value can be decompressed.
@Suite(.serialized) struct DictionaryCrashTests {
  private func options(segmentBytes: Int = 64 << 10) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = segmentBytes
    options.compression = .zstd(level: 1)
    options.compaction.isAutomatic = false
    return options
  }

  private func fill(_ store: Store, _ numbers: Range<Int>, kind: Int = 0) throws {
    for number in numbers { try store.put(SmallRecords.make(number, kind: kind), for: "\(number)") }
  }

  // MARK: Crashes

  private func check(_ content: SimulatedDisk.Content, _ expected: [[UInt8]: Model.Entry], _ comment: Comment) throws {
    for content in [content, content.withoutCheckpoint] {
      let store: Store
      do { store = Store(engine: try Engine.open("store", options(), SimulatedDisk(content))) } catch {
        Issue.record("\(comment): \(error)")
        continue
      }
      #expect(try store.contents() == expected, comment)
      try store.close()
    }
  }

  /// Method: a store with values of two dictionaries and of none on a simulated disk, synced; then a training and a
  /// recompression that are stopped before each of their calls. What that leaves, and what power failures make of it,
  /// is opened with and without its checkpoint.
  @Test(arguments: SeededRandom.seeds(2)) func stoppedBeforeEachCall(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let first = SimulatedDisk()
    let store = Store(engine: try Engine.open("store", options(), first))
    try fill(store, 0..<100)
    for kind in [0, 1] {
      try store.engine.trainDictionary(isForced: true)
      try fill(store, 100 + 100 * kind..<300, kind: kind)
    }
    try store.sync()
    let content = first.crashed()
    let expected = try store.contents()
    try store.close()
    var crashAt = 0
    while true {
      let comment: Comment = "seed \(seed), before call \(crashAt)"
      let disk = SimulatedDisk(content, crashAt: crashAt)
      let running = Store(engine: try Engine.open("store", options(), disk))
      try running.engine.trainDictionary(isForced: true)
      try running.recompress()
      #expect(try running.contents() == expected, comment)
      try running.close()
      if disk.calls <= crashAt { break }
      let killed = disk.crashed()
      try check(killed, expected, comment)
      for _ in 0..<2 { try check(killed.afterPowerFailure(&random), expected, comment) }
      crashAt += 1 + random.below(3)
    }
    #expect(crashAt > 20, "seed \(seed)")
  }

  // MARK: Failures

  /// Method: each kind of call fails, the n-th or all from then on, in a training. What was there before stays, and
  /// where nothing of the log was touched, the writer goes on.
  @Test(arguments: FaultyFileSystem.Call.allCases, [false, true])
  func everyCallFails(call: FaultyFileSystem.Call, isForEver: Bool) throws {
    for after in 0..<12 {
      let directory = TemporaryDirectory()
      let fault = FaultyFileSystem.Fault()
      let path = directory.path("store")
      let store = Store(engine: try Engine.open(path, options(), FaultyFileSystem(fault: fault)))
      try fill(store, 0..<150)
      let expected = try store.contents()
      fault.set(call, after: after, isForEver: isForEver)
      let comment: Comment = "\(call) number \(after), for ever: \(isForEver)"
      let training = Result { () throws(StoreError) in try store.engine.trainDictionary(isForced: true) }
      if case .failure(let error) = training {
        #expect([.system, .noSpace, .writerFailed].contains(error.code), comment)
      }
      #expect(try store.contents() == expected, comment)
      fault.clear()
      if case .failure = training, [.create, .rename, .unlink, .reserve].contains(call) {
        // The next segment could not be made: that is all.
        try fill(store, 150..<200)
        #expect(try store.engine.trainDictionary(isForced: true), comment)
        try fill(store, 150..<200)
      }
      try? store.close()
      let again = try Store.open(at: path, options: options())
      for (key, entry) in expected { #expect(try again.value(for: key) == entry.value, comment) }
      for number in 150..<200 {
        if let value = try again.value(for: "\(number)") { #expect(value == SmallRecords.make(number), comment) }
      }
      try again.close()
    }
  }

  /// A disk that has not the room that is wanted for a segment, but what its dictionary needs.
  @Test func littleRoom() throws {
    let directory = TemporaryDirectory()
    let fault = FaultyFileSystem.Fault()
    let options = options(segmentBytes: 4 << 20)
    let store = Store(engine: try Engine.open(directory.path("store"), options, FaultyFileSystem(fault: fault)))
    // What these have in common cannot be compressed, nor can their dictionary.
    var random = SeededRandom(seed: 1)
    let parts = (0..<64).map { _ in random.bytes(300) }
    func value(_ number: Int) -> [UInt8] { parts[number % 64] + parts[number * 7 / 64 % 64] }
    func put(_ numbers: Range<Int>) throws { for number in numbers { try store.put(value(number), for: "\(number)") } }
    try put(0..<2000)
    fault.set(.reserve, after: 0, isForEver: false)
    // The first one may find a segment that is there already.
    while fault.failed == 0 { #expect(try store.engine.trainDictionary(isForced: true)) }
    #expect(store.statistics.dictionaries >= 1 && store.statistics.dictionaryBytes > 4096)
    fault.clear()
    try put(2000..<4000)
    try store.close()
    let again = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<4000 { #expect(try again.value(for: "\(number)") == value(number)) }
    try again.close()
  }
}
