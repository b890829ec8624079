import CairnTestSupport
import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: a frame never stands in a segment with another dictionary than it was made with, and readers always have the
/// right one, while dictionaries come, and segments go.
/// Method: writers, single and in batches, readers of all kinds (by key, of changes, of snapshots, a follower),
/// trainings that always bring another dictionary, and compactions, all at once; in the end, everything is read from
/// the log alone. Also run under the thread sanitizer.
@Suite(.serialized) struct DictionaryBesideOthersTests {
  private static let writers = 3
  private static let keys = 400

  private static func key(_ writer: Int, _ number: Int) -> String { "\(writer)-\(number)" }

  /// What the writer's round has put under a key.
  private static func value(_ writer: Int, _ number: Int, _ round: Int) -> [UInt8] {
    SmallRecords.make(number + 1000 * round + 100_000 * writer, kind: round % 2)
  }

  @Test func everybodyAtOnce() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compression = .zstd(level: 1)
    options.checkpointInterval = 300_000
    let store = try Store.open(at: directory.path("store"), options: options)
    let rounds = 6
    let running = Atomic(Self.writers)
    let failures = Mutex<[String]>([])
    @Sendable func fail(_ text: String) { failures.withLock { $0.append(text) } }
    @Sendable func write(_ writer: Int) throws {
      defer { running.subtract(1, ordering: .releasing) }
      for round in 0..<rounds {
        for start in stride(from: 0, to: Self.keys, by: 10) {
          if start % 20 == 0 {
            try store.write { batch in
              for number in start..<start + 10 {
                try batch.put(Self.value(writer, number, round), for: Self.key(writer, number))
              }
            }
          } else {
            for number in start..<start + 10 {
              try store.put(Self.value(writer, number, round), for: Self.key(writer, number))
            }
          }
        }
      }
    }
    @Sendable func read(_ seed: UInt64) throws {
      var random = SeededRandom(seed: seed)
      while running.load(ordering: .acquiring) > 0 {
        let (writer, number) = (random.below(Self.writers), random.below(Self.keys))
        guard let value = try store.value(for: Self.key(writer, number)) else { continue }
        let isOne = (0..<rounds).contains { value == Self.value(writer, number, $0) }
        if !isOne { fail("a wrong value under \(Self.key(writer, number))") }
      }
    }
    @Sendable func check(_ key: [UInt8], _ value: [UInt8]) {
      let parts = String(decoding: key, as: UTF8.self).split(separator: "-").compactMap { Int($0) }
      let isOne = parts.count == 2 && (0..<rounds).contains { value == Self.value(parts[0], parts[1], $0) }
      if !isOne { fail("a wrong value under \(String(decoding: key, as: UTF8.self))") }
    }
    @Sendable func readChanges() throws {
      while running.load(ordering: .acquiring) > 0 {
        do throws(StoreError) {
          var changes = try store.changes(since: 0)
          while let change = try changes.next() { check(change.key, change.value) }
        } catch { if error.code != .historyGone { throw error } }
      }
    }
    @Sendable func readSnapshots(_ store: Store) throws {
      while running.load(ordering: .acquiring) > 0 {
        // A follower that is overtaken loses its snapshots.
        do { try compareSnapshot(store) } catch let error as StoreError {
          if error.code != .historyGone { throw error }
        }
      }
    }
    @Sendable func compareSnapshot(_ store: Store) throws {
      _ = try store.refresh()
      let snapshot = try store.snapshot()
      var first: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<2 {
        var entries: [[UInt8]: [UInt8]] = [:]
        try snapshot.forEach { entry in
          let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
          entries[key] = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
          return true
        }
        for (key, value) in entries { check(key, value) }
        if first.isEmpty { first = entries }
        if first != entries { fail("a snapshot has changed") }
      }
    }
    let follower = try Store.follow(store.path, refreshing: .manual)
    @Sendable func train() throws {
      while running.load(ordering: .acquiring) > 0 {
        try store.engine.trainDictionary(isForced: true)
        // Whoever comes with another dictionary than the log's has to compress again: not for ever.
        usleep(5000)
      }
    }
    @Sendable func compact() throws {
      var level = 1
      while running.load(ordering: .acquiring) > 0 {
        if level % 3 == 0 { try store.recompress(level: level % 4) } else { try store.compact() }
        level += 1
      }
    }
    let group = DispatchGroup()
    var bodies: [@Sendable () throws -> Void] = [
      { try read(1) }, { try read(2) }, train, compact, readChanges, { try readSnapshots(store) },
      { try readSnapshots(follower) },
    ]
    for writer in 0..<Self.writers { bodies.append { try write(writer) } }
    for body in bodies {
      group.enter()
      Thread.detachNewThread {
        do { try body() } catch { fail("\(error)") }
        group.leave()
      }
    }
    group.wait()
    #expect(failures.withLock { $0 } == [])
    #expect(store.statistics.dictionariesTrained > 1)
    _ = try follower.refresh()
    #expect(try follower.contents() == store.contents())
    try follower.close()
    try store.close()
    for isWhole in [true, false] {
      if !isWhole { Files.remove(directory.path("store") + "/index.checkpoint") }
      let reader = try Store.open(at: directory.path("store"), options: Store.Options(.readOnly))
      for writer in 0..<Self.writers {
        for number in 0..<Self.keys {
          let value = try reader.value(for: Self.key(writer, number))
          #expect(value == Self.value(writer, number, rounds - 1), "\(Self.key(writer, number))")
        }
      }
      try reader.close()
    }
  }
}
