import Glibc
import Testing

@testable import Cairn
@testable import CairnTestSupport

/// Goal: who opens a store to read it while a writer takes segments away finds all that it holds, and no damage.
/// Method: the writer comes before each single step of the reader.
@Suite struct CompactionBesideReaderTests {
  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 100_000
    options.compaction.isAutomatic = false
    return options
  }

  private static func compact(_ path: String, _ after: [String: [UInt8]]) throws {
    for (name, bytes) in after where name.hasPrefix("segment-") { try Files.write(bytes, to: path + "/" + name) }
    try Files.write(after["segments.gone"] ?? [], to: path + "/segments.gone")
    for name in try Files.segments(path) where after[name] == nil { Files.remove(path + "/" + name) }
  }

  @Test func anyMoment() throws {
    let (before, after) = (FormatCase.uncompactedStore.files, FormatCase.compactedStore.files)
    for moment in 0..<40 {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      try Store.open(at: path).close()
      for name in try Files.names(path) { Files.remove(path + "/" + name) }
      for (name, bytes) in before { try Files.write(bytes, to: path + "/" + name) }
      let counter = HookCounter()
      let system = HookedFileSystem {
        if counter.next() == moment {
          do { try Self.compact(path, after) } catch { Issue.record(error) }
        }
      }
      let store = try Store(engine: Engine.open(path, Store.Options(.readOnly), system))
      #expect(store.damage == nil, "moment \(moment): \(String(describing: store.damage))")
      for (key, value) in ["a": "again", "b": "nine", "c": "three", "g": "eleven", "h": "thirteen"] {
        #expect(try store.value(for: key) == Array(value.utf8), "moment \(moment), \(key)")
      }
      for key in ["d", "e", "f"] { #expect(try store.value(for: key) == nil, "moment \(moment), \(key)") }
      try store.close()
      if counter.count <= moment { return }
    }
    Issue.record("there were more moments")
  }

  /// A follower that looks for more while all that it has not read yet is compacted: it comes to the end.
  @Test func anyMomentOfARefresh() throws {
    for moment in 0..<40 {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      let options = options()
      let store = try Store.open(at: path, options: options)
      try store.put("first", for: "first")
      let counter = HookCounter()
      let system = HookedFileSystem {
        if counter.next() == moment {
          do { try store.compact() } catch { Issue.record(error) }
        }
      }
      let follower = try Store(engine: Engine.follow(path, Store.Options(.readOnly), system))
      let before = counter.count
      for number in 0..<1500 { try store.put(SelfDescribing.value(number), for: "\(number % 200)") }
      let last = store.lastSequence
      #expect(try follower.refresh())
      #expect(follower.lastSequence >= last, "moment \(moment)")
      #expect(try follower.contents() == store.contents(), "moment \(moment)")
      try follower.close()
      try store.close()
      if counter.count <= moment { return #expect(counter.count > before) }
    }
    Issue.record("there were more moments")
  }

  /// A backup that is replaced while it is opened, and of whose files all or the last ones are gone by then: it is the
  /// one or the other, and not a part of one.
  @Test(arguments: [1, 2, 3, .max]) func anyMomentOfABackup(removed: Int) throws {
    let directory = TemporaryDirectory()
    let (first, second) = (directory.path("first"), directory.path("second"))
    let options = options()
    func write(_ number: Int) throws -> [[UInt8]: Model.Entry] {
      let store = try Store.open(at: directory.path("store"), options: options)
      for part in 0..<500 { try store.put(SelfDescribing.value(number + part), for: "\(part % (number + 50))") }
      if number > 3 { try store.backup(to: number == 4 ? first : second) }
      defer { try? store.close() }
      return try store.contents()
    }
    // In sessions, so that segments end without a word of the next one.
    let contents = try (0..<6).map { try write($0) }
    for moment in 0..<40 {
      let (path, next, old) = (directory.path("backup"), directory.path("next"), directory.path("old"))
      try Files.copyTree(first, to: path)
      try Files.copyTree(second, to: next)
      Files.remove(old)
      let counter = HookCounter()
      let system = HookedFileSystem {
        if counter.next() != moment { return }
        _ = unsafe rename(path, old)
        _ = unsafe rename(next, path)
        Files.remove(old + "/STORE")
        for name in (try? Files.names(old))?.suffix(removed) ?? [] { Files.remove(old + "/" + name) }
      }
      let backup = try Store(engine: Engine.open(path, Store.Options(.readOnly), system))
      #expect(backup.damage == nil, "moment \(moment): \(String(describing: backup.damage))")
      let found = try backup.contents()
      #expect(found == contents[4] || found == contents[5], "moment \(moment): \(found.count)")
      try backup.close()
      if counter.count <= moment { return }
    }
    Issue.record("there were more moments")
  }
}
