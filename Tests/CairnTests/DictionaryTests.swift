import CairnTestSupport
import Glibc
import Testing

@testable import Cairn

/// Goal: a dictionary makes small values smaller, and changes nothing else, whoever trains it and whenever.
/// Method: values that are alike, and stores with small segments, so that dictionaries come soon and often; what they
/// hold is compared before and after, opened again, rebuilt from the log alone, and compacted.
@Suite(.serialized)
struct DictionaryTests {
  private let directory = TemporaryDirectory()

  private func options(segmentBytes: Int = 256 << 10) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = segmentBytes
    options.compression = .zstd()
    options.compaction.isAutomatic = false
    return options
  }

  private func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }

  private func fill(_ store: Store, _ numbers: Range<Int>, kind: Int = 0) throws {
    for number in numbers { try store.put(SmallRecords.make(number, kind: kind), for: key(number)) }
  }

  private func expect(_ store: Store, _ numbers: Range<Int>, kind: Int = 0) throws {
    for number in numbers {
      #expect(try store.value(for: key(number)) == SmallRecords.make(number, kind: kind), "\(number)")
    }
  }

  private func reopened(_ store: consuming Store, _ options: Store.Options, rebuilt: Bool = false) throws -> Store {
    let path = store.path
    try store.close()
    if rebuilt { Files.remove(path + "/index.checkpoint") }
    return try Store.open(at: path, options: options)
  }

  /// Whatever the background has done: there is a new one then.
  private func train(_ store: Store) throws {
    let before = store.statistics.dictionariesTrained
    #expect(try store.engine.trainDictionary(isForced: true))
    #expect(store.statistics.dictionariesTrained > before)
  }

  /// A store, opened again, in which each of the entries from 200 on has a dictionary and a segment of its own.
  private func withMany(upTo end: Int) throws -> Store {
    let options = options(segmentBytes: 64 << 10)
    let store = try Store.open(at: directory.path("store"), options: options)
    try fill(store, 0..<200)
    for number in 200..<end {
      try train(store)
      try fill(store, number..<number + 1)
    }
    return try reopened(store, options)
  }

  /// Others may be reading at this moment, and then nothing goes.
  private func expectFew(_ dictionaries: DictionaryTable) {
    for _ in 0..<60_000 where dictionaries.count > 66 {
      usleep(1000)
      Reclaimer.shared.reclaim()
    }
    // One is what the log has: if all others went at each read, it would be the only one.
    #expect((2...66).contains(dictionaries.count))
  }

  /// Of very many, those that were asked for before are let go of, and come again; and where a reader keeps those in
  /// memory, that is no reason to let go of the others at each read.
  @Test(arguments: [false, true]) func many(besideAReader: Bool) throws {
    let store = try withMany(upTo: 280)
    do {
      let reader = besideAReader ? store.engine.gate.enter() : nil
      defer { reader?.leave() }
      for _ in 0..<2 { try expect(store, 0..<280) }
    }
    #expect(store.statistics.segments > 80)
    #expect(store.statistics.dictionaries > 80)
    expectFew(store.engine.dictionaries)
    try store.close()
  }

  /// Goal: the dictionary of a segment that is gone, and may have readers left, is not let go of with the others: it
  /// could not be found again.
  @Test func manyAndSegmentsThatGo() throws {
    let store = try withMany(upTo: 350)
    let (dictionaries, segments) = (store.engine.dictionaries, store.engine.segments)
    // Each of these has a segment of its own, and a dictionary that only a snapshot needs from now on.
    var snapshot: Snapshot? = try store.snapshot()
    for number in 200..<275 { try store.remove(key(number)) }
    let slots = Set(store.engine.catalog.withLock { $0.segments.map { SegmentTable.slot($0.number) } })
    try store.compact()
    let left = Set(store.engine.catalog.withLock { $0.segments.map { SegmentTable.slot($0.number) } })
    let gone = slots.subtracting(left)
    #expect(gone.count > 70)
    for _ in 0..<2 {
      try expect(store, 275..<350)
      for number in 0..<350 {
        #expect(try snapshot?.value(for: key(number)) == SmallRecords.make(number), "\(number)")
      }
    }
    // What a reader meets that is still in such a segment when nothing leads to it any more.
    do {
      let reader = store.engine.gate.enter()
      defer { reader.leave() }
      for slot in gone { segments.clear(slot) }
      try expect(store, 275..<350)
      #expect(try gone.count { try dictionaries.prepared($0, segments) != nil } > 70)
    }
    snapshot = nil
    expectFew(dictionaries)
    try store.close()
  }

  @Test func whatItSaves() throws {
    var sizes: [Int] = []
    for dictionary in [.none, .trained] as [Store.Compression.Dictionary] {
      var options = options(segmentBytes: 1 << 20)
      options.compression = .zstd(dictionary: dictionary)
      let store = try Store.open(at: directory.path("\(sizes.count)"), options: options)
      try fill(store, 0..<4000)
      try store.trainDictionary()
      try store.recompress()
      try expect(store, 0..<4000)
      sizes.append(store.statistics.liveBytes)
      let statistics = store.statistics
      #expect((statistics.dictionaries > 0) == (dictionary == .trained))
      #expect((statistics.dictionaryBytes > 0) == (dictionary == .trained))
      try store.close()
    }
    #expect(sizes[1] < sizes[0] * 3 / 4, "\(sizes)")
  }

  /// Values that are too large for a dictionary are compressed without it, in segments that have one; what they hold is
  /// found there also by who compresses them in another way, or not at all.
  @Test func compressedWithoutTheDictionaryBesideIt() throws {
    var options = options()
    var store = try Store.open(at: directory.path("store"), options: options)
    try fill(store, 0..<1000)
    try train(store)
    try fill(store, 1000..<1100)
    let large = (0..<200).flatMap { SmallRecords.make($0) }
    try #require(large.count > 16 << 10)
    try store.put(large, for: "large")
    try fill(store, 1100..<1200)
    for compression in [.zstd(level: 9), .none] as [Store.Compression] {
      options.compression = compression
      store = try reopened(store, options)
      let before = store.statistics.liveBytes
      try store.recompress()
      #expect(try store.value(for: "large") == large)
      try expect(store, 0..<1200)
      if compression == .none { #expect(store.statistics.liveBytes > before + large.count / 2) }
    }
    try store.close()
  }

  /// F1-DIC-001, F1-DIC-002: a value and its dictionary are in the same segment, whatever happens to others.
  @Test func openedAgain() throws {
    var options = options()
    var store = try Store.open(at: directory.path("store"), options: options)
    try fill(store, 0..<1000)
    try train(store)
    try fill(store, 1000..<4000)
    let segments = store.statistics.segments
    #expect(store.statistics.dictionaries > 1 && store.statistics.dictionaries < segments)
    for rebuilt in [false, true] {
      store = try reopened(store, options, rebuilt: rebuilt)
      try expect(store, 0..<4000)
      let before = store.statistics.liveBytes
      // It goes on with the dictionary.
      try fill(store, 5000..<5010)
      #expect(store.statistics.liveBytes - before < 10 * 200)
      for number in 5000..<5010 { try store.remove(key(number)) }
    }
    // Without compression they are still read; and what is moved is compressed without a dictionary, once for all.
    for compression in [.none, .zstd(dictionary: .none)] as [Store.Compression] {
      options.compression = compression
      store = try reopened(store, options)
      try expect(store, 0..<4000)
      for number in stride(from: 0, to: 4000, by: 2) { try store.remove(key(number)) }
      try store.compact()
      for number in stride(from: 1, to: 4000, by: 2) {
        #expect(try store.value(for: key(number)) == SmallRecords.make(number), "\(number)")
      }
      for number in stride(from: 0, to: 4000, by: 2) { try store.put(SmallRecords.make(number), for: key(number)) }
    }
    #expect(store.statistics.dictionaries == 0)
    let compressed = store.statistics.liveBytes
    options.compression = .none
    store = try reopened(store, options)
    try store.recompress()
    #expect(store.statistics.liveBytes > compressed)
    store = try reopened(store, options, rebuilt: true)
    try expect(store, 0..<4000)
    try store.close()
  }

  @Test func trainedByItself() throws {
    let store = try Store.open(at: directory.path("store"), options: options())
    var number = 0
    // Training is in the background: until it is done, we go on.
    while store.statistics.dictionariesTrained == 0 && number < 20_000 {
      try fill(store, number..<number + 100)
      number += 100
    }
    #expect(store.statistics.dictionariesTrained > 0 && store.statistics.trainingsFailed == 0)
    try fill(store, number..<number + 100)
    #expect(store.statistics.dictionaries > 0)
    // What comes now is quite different.
    let first = store.statistics.dictionariesTrained
    let start = number + 100
    number = start
    while store.statistics.dictionariesTrained == first && number < start + 40_000 {
      try fill(store, number..<number + 100, kind: 1)
      number += 100
    }
    #expect(store.statistics.dictionariesTrained > first)
    try expect(store, start..<number, kind: 1)
    try expect(store, 0..<start)
    try store.close()
  }

  /// What is of no use is not taken: values that have nothing in common, or too few.
  @Test func ofNoUse() throws {
    let store = try Store.open(at: directory.path("store"), options: options())
    #expect(try !store.trainDictionary())
    var random = SeededRandom(seed: 1)
    for number in 0..<1000 { try store.put(random.bytes(300), for: key(number)) }
    #expect(try !store.trainDictionary())
    #expect(store.statistics.dictionaries == 0)
    try store.close()
    let reader = try Store.open(at: directory.path("store"), options: Store.Options(.readOnly))
    #expect(throws: StoreError.self) { try reader.trainDictionary() }
    #expect(throws: StoreError.self) { try reader.recompress() }
    try reader.close()
  }

  /// A batch that was begun before another dictionary was taken into use.
  @Test(arguments: [false, true]) func batchesAcrossTrainings(hasDictionary: Bool) throws {
    var store = try Store.open(at: directory.path("store"), options: options())
    try fill(store, 0..<1000, kind: hasDictionary ? 1 : 0)
    if hasDictionary {
      try train(store)
      try fill(store, 1000..<6000)
    }
    try store.write { batch in
      for number in 10_000..<10_100 { try batch.put(SmallRecords.make(number), for: key(number), expires: .never) }
      try batch.remove(key(0))
      try batch.put(SmallRecords.make(7), for: key(7), expires: .after(.seconds(1_000_000)))
      try batch.put([UInt8](repeating: 7, count: 30_000), for: "large")
      try train(store)
      for number in 10_100..<10_200 { try batch.put(SmallRecords.make(number), for: key(number)) }
    }
    for rebuilt in [false, true] {
      try expect(store, 10_000..<10_200)
      #expect(try store.value(for: key(0)) == nil)
      #expect(try store.entry(for: key(7))?.deadline != nil)
      #expect(try store.value(for: "large") == [UInt8](repeating: 7, count: 30_000))
      store = try reopened(store, options(), rebuilt: rebuilt)
    }
    try store.close()
  }

  /// Goal: what is too much for one turn is moved in the next ones, all of it.
  /// Method: values that take a hundred times as much when they are stored as they are.
  @Test func muchInATurn() throws {
    var options = options(segmentBytes: 4 << 20)
    var store = try Store.open(at: directory.path("store"), options: options)
    func value(_ number: Int) -> [UInt8] { key(number) + [UInt8](repeating: UInt8(number), count: 30_000) }
    for number in 0..<200 { try store.put(value(number), for: key(number)) }
    options.compression = .none
    store = try reopened(store, options)
    try store.recompress()
    #expect(store.statistics.liveBytes > 200 * 30_000)
    for rebuilt in [false, true] {
      for number in 0..<200 { #expect(try store.value(for: key(number)) == value(number), "\(number)") }
      store = try reopened(store, options, rebuilt: rebuilt)
    }
    try store.close()
  }

  /// F1-DIC-004.
  /// Method: segments with several dictionaries and with none; compacted, all in one, and again with other settings.
  @Test func movedAcrossDictionaries() throws {
    var store = try Store.open(at: directory.path("store"), options: options())
    try fill(store, 0..<2000)
    try train(store)
    try fill(store, 2000..<4000)
    for number in 0..<9000 where number % 3 == 0 { try store.put(SmallRecords.make(number, kind: 1), for: key(number)) }
    for number in 10_000..<14_000 { try store.put(SmallRecords.make(number, kind: 1), for: key(number)) }
    try train(store)
    for number in 10_000..<14_000 { try store.remove(key(number)) }
    let expected = try store.contents()
    for level in [nil, 9, 1] as [Int?] {
      if let level { try store.recompress(level: level) } else { try store.compact() }
      #expect(try store.contents() == expected)
      store = try reopened(store, options(), rebuilt: level != nil)
      #expect(try store.contents() == expected)
    }
    // Everything has the dictionary now, and nothing is left to do.
    #expect(store.statistics.dictionaries == store.statistics.segments)
    try store.compact()
    let bytes = store.statistics.bytesAppended
    try store.compact()
    #expect(store.statistics.bytesAppended - bytes < 10_000)
    #expect(throws: StoreError.self) { try store.recompress(level: 20) }
    try store.close()
  }

  /// What is reclaimed while a dictionary is retired may be a segment, which takes its own dictionary out of the table.
  /// Method: without end, if they wait for each other.
  @Test func reclaimedWhileOneIsRetired() throws {
    final class Segment: Sendable {
      let table: DictionaryTable
      init(_ table: DictionaryTable) { self.table = table }
      deinit { table.clear(1, salt: 1) }
    }
    let table = try DictionaryTable()
    let dictionary = try #require(try ValueDictionary.make(FormatCase.bytes))
    for _ in 0..<300 {
      table.set(1, salt: 1, dictionary)
      Reclaimer.shared.retire(Segment(table), isLarge: false)
      table.set(2, salt: 2, dictionary)
      table.set(2, salt: 2, nil)
    }
    for slot in [1, 2] { table.clear(slot, salt: UInt64(slot)) }
    Reclaimer.shared.reclaim()
  }
}
