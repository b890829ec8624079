import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: a backup is the store as it was at one moment, whatever is done to the store meanwhile; only what is new
/// travels; what is restored is the store again.
@Suite struct BackupTests {
  static func options(_ access: Store.Options.Access = .createIfMissing) -> Store.Options {
    var options = Store.Options(access)
    options.segmentBytes = 64 << 10
    return options
  }

  /// A store that is compacted when it is told.
  static func open(_ path: String, _ access: Store.Options.Access = .createIfMissing) throws -> Store {
    var options = options(access)
    options.compaction.isAutomatic = false
    return try Store.open(at: path, options: options)
  }

  /// Checks a backup by what recovery finds, all of it whole, and by its content.
  static func expect(_ path: String, _ model: inout Numbered, _ comment: Comment) throws {
    let store = try Store.open(at: path, options: options(.readOnly))
    #expect(store.damage == nil, comment)
    #expect(store.engine.total(.tornBytes) == 0, comment)
    #expect(try model.isContent(of: store), comment)
    try store.close()
  }

  private func fileNumber(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
  }

  private func bytes(_ path: String) throws -> [String: [UInt8]] {
    var bytes: [String: [UInt8]] = [:]
    for name in try Files.names(path) where name != "LOCK" { bytes[name] = try Files.read(path + "/" + name) }
    return bytes
  }

  /// One thread writes, compaction runs in the background and is asked for besides, and backups are taken: in place,
  /// and each on the ground of the one before.
  @Test(arguments: [Store.Durability.relaxed, .process]) func besideWriterAndCompaction(
    durability: Store.Durability
  ) throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: Self.options())
    let isOver = Atomic(false)
    let threads = DispatchGroup()
    // Threads of their own: those of a queue may all be busy with other tests.
    func run(_ body: @escaping @Sendable () -> Void) {
      threads.enter()
      Thread.detachNewThread {
        body()
        threads.leave()
      }
    }
    run {
      var writer = Numbered(keys: 3000)
      while !isOver.load(ordering: .relaxed) {
        do { try writer.write(to: store, durability: durability) } catch { Issue.record(error) }
      }
    }
    run {
      while !isOver.load(ordering: .relaxed) {
        do { try store.compact() } catch { Issue.record(error) }
        usleep(200_000)
      }
    }
    var (inPlace, chain) = (Numbered(keys: 3000), Numbered(keys: 3000))
    for number in 0..<15 {
      let before = store.lastSequence
      while store.lastSequence < before + 200 { usleep(1000) }
      let done = try store.backup(to: directory.path("backup"))
      #expect(done.lastSequence >= before + 200 && done.bytesCopied + done.bytesKept == done.bytes)
      try Self.expect(directory.path("backup"), &inPlace, "backup \(number)")
      let earlier = number == 0 ? nil : directory.path("chain-\(number - 1)")
      let next = try store.backup(to: directory.path("chain-\(number)"), since: earlier)
      #expect(next.lastSequence >= done.lastSequence)
      try Self.expect(directory.path("chain-\(number)"), &chain, "chain \(number)")
      if number > 1 { Files.remove(directory.path("chain-\(number - 2)")) }
    }
    isOver.store(true, ordering: .relaxed)
    threads.wait()
    #expect(inPlace.number > 500)
    #expect(store.statistics.pinnedBytes == 0)
    try store.backup(to: directory.path("backup"))
    try Self.expect(directory.path("backup"), &inPlace, "the last one")
    #expect(try Numbered.same(store, directory.path("backup")))
    try store.close()
    #expect(try Files.names(directory.path) == ["backup", "chain-13", "chain-14", "store"])
    #expect(try Files.leaks(below: directory.path).isEmpty)
  }

  @Test func onlyWhatIsNewTravels() throws {
    let directory = TemporaryDirectory()
    let (path, backup) = (directory.path("store"), directory.path("backup"))
    var options = Self.options()
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    var model = Numbered()
    for _ in 0..<2000 { try model.write(to: store) }
    var told: [Store.BackupProgress] = []
    let first = try store.backup(to: backup) { told.append($0) }
    #expect(first.bytesKept == 0 && first.bytesCopied == first.bytes && first.bytes > 4 * options.segmentBytes)
    #expect(told.first?.bytesCopied == 0 && told.last == first)
    #expect(zip(told, told.dropFirst()).allSatisfy { $0.bytesCopied <= $1.bytesCopied })
    // Nothing new: nothing travels, not even the last segment, which is the same file then.
    let segments = try Files.segments(backup)
    let numbers = try segments.map { try fileNumber(backup + "/" + $0) }
    let again = try store.backup(to: backup)
    #expect(again.bytesCopied == 0 && again.bytesKept == first.bytes && again.lastSequence == first.lastSequence)
    #expect(try segments.map { try fileNumber(backup + "/" + $0) } == numbers)
    // Elsewhere, the last one is another file: whoever opens the backup may write to it.
    let elsewhere = try store.backup(to: directory.path("elsewhere"), since: backup)
    let last = try Files.read(backup + "/" + segments.last!).count - Engine.sealBytes
    #expect(elsewhere.bytesCopied == last && elsewhere.bytesKept == first.bytes - last)
    #expect(
      try segments.map { try fileNumber(directory.path("elsewhere") + "/" + $0) }.dropLast() == numbers.dropLast())
    #expect(try fileNumber(directory.path("elsewhere") + "/" + segments.last!) != numbers.last)
    // A little is new.
    try model.write(to: store)
    let third = try store.backup(to: backup)
    #expect(third.bytesCopied > 0 && third.bytesCopied <= 2 * options.segmentBytes)
    #expect(third.bytesKept + third.bytesCopied == third.bytes)
    try Self.expect(backup, &model, "third")
    // What compaction has taken away goes.
    try store.compact()
    try store.backup(to: backup)
    #expect(try !Files.segments(backup).contains(segments[0]))
    try Self.expect(backup, &model, "compacted")
    var old = Numbered()
    try Self.expect(directory.path("elsewhere"), &old, "untouched")
    #expect(old.number == 2000)
    try store.close()
    // A closed store is its own backup but for the checkpoint, and what followers go by.
    try Store.open(at: path, options: Self.options(.readOnly)).backup(to: backup)
    var closed = try bytes(path)
    for name in [CheckpointHeader.name, News.name] { closed[name] = nil }
    #expect(try bytes(backup) == closed)
  }

  @Test func restored() throws {
    let directory = TemporaryDirectory()
    let (backup, copy) = (directory.path("backup"), directory.path("copy"))
    let store = try Store.open(at: directory.path("store"), options: Self.options())
    var model = Numbered()
    for _ in 0..<1500 { try model.write(to: store, durability: .relaxed) }
    try store.compact()
    let made = try store.backup(to: backup)
    let kept = try bytes(backup)
    let done = try Store.restore(from: backup, to: copy)
    #expect(done.bytesCopied == done.bytes && done.bytesKept == 0 && done.lastSequence == made.lastSequence)
    #expect(try bytes(copy) == kept && bytes(backup) == kept)
    try Self.expect(copy, &model, "restored")
    // It goes on, and its backups take the place of the one that it was made from.
    let second = try Store.open(at: copy, options: Self.options())
    for _ in 0..<300 { try model.write(to: second) }
    try second.backup(to: backup)
    try Self.expect(backup, &model, "backup of what was restored")
    // The other one does not know of that.
    try store.put("another", for: "way")
    expectError(.notAStore) { try store.backup(to: backup) }
    try Self.expect(backup, &model, "not replaced")
    expectError(.notAStore) { try Store.restore(from: backup, to: copy) }
    expectError(.notFound) { try Store.restore(from: directory.path("nowhere"), to: directory.path("new")) }
    expectError(.invalidOption) { try Store.restore(from: backup, to: backup + "/new") }
    try FileManager.default.createDirectory(atPath: directory.path("empty"), withIntermediateDirectories: false)
    expectError(.notFound) { try Store.restore(from: directory.path("empty"), to: directory.path("new")) }
    try Store.restore(from: backup, to: directory.path("empty/"))
    try Self.expect(directory.path("empty"), &model, "in an empty directory")
    #expect(try Files.names(directory.path) == ["backup", "copy", "empty", "store"])
  }

  private func expectError(
    _ code: StoreError.Code, _ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: StoreError.self, sourceLocation: location) { try body() }
    #expect(error?.code == code, "\(error.map(String.init(describing:)) ?? "")", sourceLocation: location)
  }

  @Test func targets() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: Self.options())
    let other = try Store.open(at: directory.path("other"), options: Self.options())
    var model = Numbered()
    for _ in 0..<50 { try model.write(to: store) }
    try Files.write([1, 2, 3], to: directory.path("file"))
    for name in ["folder", "empty"] {
      try FileManager.default.createDirectory(atPath: directory.path(name), withIntermediateDirectories: false)
    }
    try Files.write([1, 2, 3], to: directory.path("folder/notes"))
    try other.backup(to: directory.path("others"))
    let before = try bytes(directory.path("others"))
    for name in ["file", "folder", "other", "others"] {
      expectError(.notAStore) { try store.backup(to: directory.path(name)) }
      expectError(.notAStore) { try store.backup(to: directory.path("new"), since: directory.path(name)) }
    }
    for name in ["store", "store/backup", "store/"] {
      expectError(.invalidOption) { try store.backup(to: directory.path(name)) }
    }
    try FileManager.default.createSymbolicLink(atPath: directory.path("link"), withDestinationPath: "store")
    for name in ["link", "link/backup"] { expectError(.invalidOption) { try store.backup(to: directory.path(name)) } }
    for name in ["", "/", directory.path("backup\0")] {
      expectError(.invalidOption) { try store.backup(to: name) }
    }
    expectError(.notFound) { try store.backup(to: directory.path("nowhere/backup")) }
    expectError(.notFound) { try store.backup(to: directory.path("new"), since: directory.path("nowhere")) }
    expectError(.notFound) { try store.backup(to: directory.path("new"), since: directory.path("empty")) }
    #expect(try Files.read(directory.path("file")) == [1, 2, 3])
    #expect(try Files.names(directory.path("folder")) == ["notes"])
    #expect(try bytes(directory.path("others")) == before)
    #expect(
      try Files.names(directory.path) == ["empty", "file", "folder", "link", "other", "others", "store"])

    try store.backup(to: directory.path("empty"))
    try Self.expect(directory.path("empty"), &model, "in an empty directory")
    // Through a link, which stays.
    try FileManager.default.createSymbolicLink(atPath: directory.path("way"), withDestinationPath: "empty")
    try model.write(to: store)
    try store.backup(to: directory.path("way"))
    #expect(try Files.isLink(directory.path("way")))
    try Self.expect(directory.path("empty"), &model, "through a link")
    // Open for writing, or written to: what is in it would be lost.
    let opened = try Store.open(at: directory.path("empty"), options: Self.options())
    expectError(.locked) { try store.backup(to: directory.path("empty")) }
    try opened.put("more", for: "key")
    try opened.close()
    expectError(.notAStore) { try store.backup(to: directory.path("empty")) }
    #expect(try Store.open(at: directory.path("empty")).value(for: "key") == Array("more".utf8))
    try store.close()
    expectError(.closed) { try store.backup(to: directory.path("new")) }
    try other.close()
    #expect(try Files.leaks(below: directory.path("empty")).isEmpty)
  }

  @Test func damagedSource() throws {
    let directory = TemporaryDirectory()
    let (path, backup) = (directory.path("store"), directory.path("backup"))
    var options = Self.options()
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    var model = Numbered()
    for _ in 0..<100 { try model.write(to: store) }
    try store.backup(to: backup)
    var old = model
    for _ in 0..<2000 { try model.write(to: store) }
    try store.close()
    let reader = try Store.open(at: path, options: Self.options(.readOnly))
    let segment = path + "/" + (try Files.segments(path))[2]
    var content = try Files.read(segment)
    let file = try #require(FileHandle(forUpdatingAtPath: segment))
    try file.seek(toOffset: 10_000)
    try file.write(contentsOf: Data([content[10_000] ^ 1]))
    try file.close()
    let error = #expect(throws: StoreError.self) { try reader.backup(to: backup) }
    #expect(error?.code == .damaged && error?.file == segment)
    let offset = try #require(error?.byteOffset)
    #expect(offset <= 10_000 && offset > 9000)
    #expect(throws: StoreError.self) { try reader.backup(to: directory.path("new")) }
    #expect(try Files.names(directory.path) == ["backup", "store"])
    try Self.expect(backup, &old, "the earlier one")
    #expect(old.number == 100)
    try reader.close()
    // Opened damaged, it shows what is left, which is no backup.
    Files.remove(path + "/" + CheckpointHeader.name)
    let left = try Store.open(at: path, options: Self.options(.readOnly))
    #expect(left.damage?.code == .damaged)
    expectError(.damaged) { try left.backup(to: directory.path("new")) }
    content[10_000] ^= 0
    try Files.write(content, to: segment)
    try Store.open(at: path).backup(to: backup)
    try Self.expect(backup, &model, "repaired")
  }

  @Test func damagedBackup() throws {
    let directory = TemporaryDirectory()
    let backup = directory.path("backup")
    var options = Self.options()
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    var model = Numbered()
    for _ in 0..<1000 { try model.write(to: store) }
    try store.backup(to: backup)
    let second = backup + "/" + (try Files.segments(backup))[1]
    let whole = try Files.read(second)
    var content = whole
    content[10_000] ^= 1
    try Files.write(content, to: second)
    let error = #expect(throws: StoreError.self) { try Store.restore(from: backup, to: directory.path("new")) }
    #expect(error?.code == .damaged && error?.file == second)
    // What is kept is looked at only on request; then it is copied anew.
    #expect(try store.backup(to: backup).bytesCopied == 0)
    #expect(try store.backup(to: backup, verifyingKept: true).bytesCopied == whole.count)
    #expect(try Files.read(second) == whole)
    // Cut off at the end, damaged at the end: what would be a torn tail in a store is none here.
    let last = backup + "/" + (try Files.segments(backup)).last!
    let end = try Files.read(last)
    for bytes in [Array(end.dropLast(56)), Array(end.dropLast(100)), Array(end.dropLast(1))] {
      try Files.write(bytes, to: last)
      expectError(.damaged) { try Store.restore(from: backup, to: directory.path("new")) }
    }
    for offset in stride(from: end.count - 1, to: end.count - 600, by: -7) {
      var bytes = end
      bytes[offset] ^= 1
      try Files.write(bytes, to: last)
      expectError(.damaged) { try Store.restore(from: backup, to: directory.path("new")) }
    }
    try Files.write(end, to: last)
    try Store.restore(from: backup, to: directory.path("new"))
    try Self.expect(directory.path("new"), &model, "restored")
    #expect(try Files.names(directory.path) == ["backup", "new", "store"])
  }

  /// What progress throws ends the work, and leaves nothing.
  @Test func endedByProgress() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: Self.options())
    var model = Numbered()
    for _ in 0..<400 { try model.write(to: store) }
    for most in [0, 1, 100_000, Int.max] {
      let error = StoreError(.system, "enough")
      let result = Result { () throws(StoreError) in
        try store.backup(to: directory.path("backup")) { (progress) throws(StoreError) in
          if progress.bytesCopied >= most { throw error }
        }
      }
      if most < .max {
        #expect(result.map(\.bytes) == .failure(error))
        #expect(try Files.names(directory.path) == ["store"])
      } else {
        #expect(try result.get().bytesCopied > 0)
      }
    }
    // Beside a writer, from another process's point of view.
    let reader = try Store.open(at: directory.path("store"), options: Self.options(.readOnly))
    for _ in 0..<400 { try model.write(to: store) }
    try reader.backup(to: directory.path("readers"))
    var old = Numbered()
    try Self.expect(directory.path("readers"), &old, "of a reader")
    #expect(old.number == 400)
    try Store.open(at: directory.path("store"), options: Self.options(.readOnly)).backup(to: directory.path("readers"))
    try Self.expect(directory.path("readers"), &old, "of a later reader")
    #expect(old.number == 800)
  }
}

extension Numbered {
  /// Whether a backup holds all that the store does.
  static func same(_ store: Store, _ path: String) throws -> Bool {
    try Store.open(at: path, options: Store.Options(.readOnly)).contents() == store.contents()
  }
}
