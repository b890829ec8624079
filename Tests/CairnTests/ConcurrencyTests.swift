import Cairn
import CairnTestSupport
import Dispatch
import Foundation
import Synchronization
import Testing

/// Runs bodies on threads of their own and waits for all.
func inParallel(_ bodies: [@Sendable () throws -> Void]) throws {
  let failure = Mutex<(any Error)?>(nil)
  let group = DispatchGroup()
  for body in bodies {
    group.enter()
    // Threads, not a queue: a queue would run no more of them at a time than there are processors.
    Thread.detachNewThread {
      do { try body() } catch { failure.withLock { $0 = error } }
      group.leave()
    }
  }
  group.wait()
  if let error = failure.withLock({ $0 }) { throw error }
}

/// Also run under the thread sanitizer.
@Suite(.serialized) struct ConcurrencyTests {
  private func options(_ durability: Store.Durability = .process) -> Store.Options {
    var options = Store.Options(.createIfMissing, durability: durability)
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 300_000
    return options
  }

  /// Goal: a reader never meets a wrong value, nor misses a key that is always there, while the writer overwrites,
  /// removes (which moves entries), grows and shrinks the index, rolls segments and writes checkpoints.
  @Test func readersBesideAWriter() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: options())
    for number in 0..<200 { try store.put(SelfDescribing.value(number), for: "always-\(number)") }
    let isDone = Atomic(false)
    let reads = Atomic(0)
    @Sendable func writer() throws {
      defer { isDone.store(true, ordering: .releasing) }
      var random = SeededRandom(seed: 1)
      for round in 0..<6_000 {
        let number = random.below(3000)
        if random.percent(45) {
          try store.remove("sometimes-\(number)")
        } else {
          try store.put(SelfDescribing.value(number), for: "sometimes-\(number)")
        }
        if round % 10 == 0 {
          let number = random.below(200)
          try store.put(SelfDescribing.value(number), for: "always-\(number)")
        }
      }
    }
    @Sendable func reader(_ seed: UInt64) throws {
      var random = SeededRandom(seed: seed)
      while !isDone.load(ordering: .acquiring) {
        let number = random.below(3000)
        if let value = try store.value(for: "sometimes-\(number)"), value != SelfDescribing.value(number) {
          Issue.record("a wrong value under sometimes-\(number)")
        }
        let always = random.below(200)
        if try store.value(for: "always-\(always)") != SelfDescribing.value(always) {
          Issue.record("always-\(always) is not there, or wrong")
        }
        let many = (0..<40).map { _ in random.below(200) }
        let values = try store.values(for: many.map { "always-\($0)" })
        for (number, value) in zip(many, values) where value != SelfDescribing.value(number) {
          Issue.record("always-\(number) is not there among many, or wrong")
        }
        reads.add(1, ordering: .relaxed)
      }
    }
    @Sendable func scanner() throws {
      while !isDone.load(ordering: .acquiring) {
        let contents = try store.contents()
        let always = contents.keys.filter { $0.starts(with: "always-".utf8) }
        if always.count != 200 { Issue.record("a scan saw \(always.count) of the 200 keys that are always there") }
      }
    }
    @Sendable func follower() throws {
      var changes = try store.changes(since: 0)
      func follow() throws(StoreError) {
        while !isDone.load(ordering: .acquiring) {
          while let change = try changes.next() {
            if change.kind == .remove { continue }
            let number = Int(String(decoding: change.key, as: UTF8.self).split(separator: "-")[1]) ?? -1
            if change.value != SelfDescribing.value(number) { Issue.record("a wrong value in the changes") }
          }
        }
      }
      while !isDone.load(ordering: .acquiring) {
        do throws(StoreError) { try follow() } catch {
          // Compaction was faster.
          guard error.code == .historyGone else { throw error }
          changes = try store.changes(since: store.lastSequence)
        }
      }
    }
    try inParallel([writer, { try reader(2) }, { try reader(3) }, scanner, follower])
    #expect(reads.load(ordering: .relaxed) > 0)
    try store.close()
  }

  /// Goal: a batch becomes visible at one moment.
  /// Method: batches set two keys to the same, growing number; who has seen the first at n never sees the second below.
  @Test func batchesAreVisibleAtOnce() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: options(.relaxed))
    let isDone = Atomic(false)
    @Sendable func number(_ key: String) throws -> Int {
      try store.withValue(for: key) { value in unsafe value.unsafeLoadUnaligned(as: Int.self) } ?? 0
    }
    @Sendable func writer() throws {
      defer { isDone.store(true, ordering: .releasing) }
      for count in 1...8_000 {
        let bytes = unsafe withUnsafeBytes(of: count) { unsafe [UInt8]($0) }
        try store.write { batch in
          try batch.put(bytes, for: "first")
          for filler in 0..<5 { try batch.put(bytes, for: "filler-\(count % 50)-\(filler)") }
          // In turns also through a remove and a put again.
          if count % 3 == 0 { try batch.remove("second") }
          try batch.put(bytes, for: "second")
        }
      }
    }
    @Sendable func reader(_ one: String, _ other: String) throws {
      var last = 0
      while !isDone.load(ordering: .acquiring) {
        let first = try number(one)
        let second = try number(other)
        if second < first { Issue.record("half a batch: \(one) at \(first), then \(other) at \(second)") }
        if first < last { Issue.record("\(one) went back from \(last) to \(first)") }
        last = first
      }
    }
    try inParallel([writer, { try reader("first", "second") }, { try reader("second", "first") }])
    #expect(try number("first") == 8_000)
    try store.close()
  }

  /// Goal: nothing is lost between writers; compare-and-set lets exactly one win.
  @Test(arguments: Store.Durability.allCases) func writersOfAllClasses(durability: Store.Durability) throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: options(durability))
    let (writers, each) = (4, durability == .disk ? 60 : 400)
    let inserted = Atomic(0)
    try inParallel(
      (0..<writers).map { writer in
        {
          for number in 0..<each {
            let mixed = Store.Durability.allCases[(writer + number) % 3]
            try store.put(SelfDescribing.value(number), for: "\(writer)-\(number)", durability: mixed)
            try store.update("counter") { old in
              let count = old.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
              return Array("\(count + 1)".utf8)
            }
            if try store.putIfAbsent("\(writer)", for: "once-\(number)") != nil { inserted.add(1, ordering: .relaxed) }
          }
        }
      })
    #expect(try store.value(for: "counter") == Array("\(writers * each)".utf8))
    #expect(inserted.load(ordering: .relaxed) == each)
    try store.close()
    let reopened = try Store.open(at: directory.path("store"), options: options())
    for writer in 0..<writers {
      for number in 0..<each {
        #expect(try reopened.value(for: "\(writer)-\(number)") == SelfDescribing.value(number))
      }
    }
    #expect(try reopened.value(for: "counter") == Array("\(writers * each)".utf8))
    try reopened.close()
  }

  /// Goal: closing in the middle of everything gives `.closed` to whoever comes after, and nothing worse.
  @Test func closeWhileInUse() throws {
    for round in 0..<15 {
      let directory = TemporaryDirectory()
      let store = try Store.open(at: directory.path("store"), options: options(.relaxed))
      for number in 0..<300 { try store.put(SelfDescribing.value(number), for: "\(number)") }
      @Sendable func untilClosed(_ body: (Int) throws -> Void) throws {
        var number = 0
        do {
          while true {
            try body(number % 300)
            number += 1
          }
        } catch let error as StoreError {
          #expect(error.code == .closed, "round \(round)")
        }
      }
      try inParallel([
        { try untilClosed { try store.put(SelfDescribing.value($0), for: "\($0)") } },
        {
          try untilClosed { number in
            let value = try store.value(for: "\(number)")
            #expect(value == SelfDescribing.value(number))
          }
        },
        { try untilClosed { _ in _ = try store.contents() } },
        {
          for number in 0..<50 * round { _ = try store.contains("\(number)") }
          try store.close()
        },
      ])
    }
  }

  /// Goal: what is written in haste, while the background makes room and hands it to the system, is all there, with no
  /// byte of space left over.
  @Test(arguments: [Store.Durability.relaxed, .process]) func writesInHaste(durability: Store.Durability) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = options(durability)
    // Large enough to be extended in the background.
    options.segmentBytes = 4 << 20
    options.checkpointInterval = nil
    let store = try Store.open(at: path, options: options)
    let count = 24_000
    func value(_ number: Int) -> [UInt8] { SelfDescribing.value(number % 500) + [UInt8](repeating: 7, count: 1000) }
    let values = (0..<500).map(value)
    for number in 0..<count { try store.put(values[number % 500], for: "\(number)") }
    for number in stride(from: 0, to: count, by: 7) {
      #expect(try store.value(for: "\(number)") == values[number % 500], "\(number)")
    }
    let appended = store.statistics.bytesAppended
    try store.close()
    var used = 0
    let segments = try Files.segments(path)
    for name in segments { used += try Files.read(path + "/" + name).count }
    // The last seal may not have been counted.
    #expect(used - 256 * segments.count - appended <= 64, "\(used) bytes in \(segments.count) segments")
    let again = try Store.open(at: path, options: options)
    for number in 0..<count { #expect(try again.value(for: "\(number)") == values[number % 500], "\(number)") }
    try again.close()
  }

  /// Goal: a visit that is going on when the store is closed sees whole entries, and ends with `.closed`.
  @Test func closeWhileVisiting() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: options(.relaxed))
    for number in 0..<20_000 { try store.put(SelfDescribing.value(number), for: "\(number)") }
    var visited = 0
    let error = #expect(throws: StoreError.self) {
      try store.forEach { entry in
        if visited == 0 { try store.close() }
        visited += 1
        let key = String(decoding: unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }, as: UTF8.self)
        let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
        #expect(value == SelfDescribing.value(Int(key) ?? -1))
        return true
      }
    }
    #expect(error?.code == .closed)
    #expect(visited > 1)
  }

  /// Goal: a value that is being read stays what it is, whatever happens to its key, its segment and its store.
  @Test func aHeldValueStays() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: options(.relaxed))
    try store.put(SelfDescribing.value(1), for: "held")
    let isRight = try store.withValue(for: "held") { value -> Bool in
      do {
        // The segment with the value is sealed, its buffer given back and used again, the key overwritten and removed.
        for number in 0..<2_000 { try store.put(SelfDescribing.value(number), for: "other-\(number % 300)") }
        try store.put("new", for: "held")
        try store.remove("held")
        try store.close()
      } catch {
        return false
      }
      return unsafe value.withUnsafeBytes { unsafe [UInt8]($0) } == SelfDescribing.value(1)
    }
    #expect(isRight == true)
    #expect(throws: StoreError.self) { try store.value(for: "held") }
  }
}
