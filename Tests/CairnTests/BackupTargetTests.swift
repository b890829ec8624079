import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: what is at the place of a backup, or of what is restored, is replaced only by what it is an earlier state of,
/// or when asked; what others have left there is theirs; nothing that a backup shares with another is ever changed.
@Suite struct BackupTargetTests {
  private let directory = TemporaryDirectory()

  private func open(_ name: String, _ access: Store.Options.Access = .createIfMissing) throws -> Store {
    try BackupTests.open(directory.path(name), access)
  }

  private func fill(_ store: Store, _ model: inout Numbered, _ batches: Int) throws {
    for _ in 0..<batches { try model.write(to: store, durability: .relaxed) }
  }

  private func expectError(
    _ code: StoreError.Code, _ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: StoreError.self, sourceLocation: location) { try body() }
    #expect(error?.code == code, "\(error.map(String.init(describing:)) ?? "")", sourceLocation: location)
  }

  private func identity(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
  }

  // MARK: What came after

  private func numbers(_ name: String) throws -> [UInt64] {
    try Files.segments(directory.path(name)).compactMap(SegmentHeader.number)
  }

  enum Other: CaseIterable {
    /// Opened for writing, and written to.
    case written
    /// Of a store that was restored, with more in it than this one has.
    case longer
    /// The same, with less in it, but a segment has the number of one of this store.
    case apart
  }

  /// Compaction has taken the last segment of a backup away, so that its bytes tell nothing any more.
  @Test(arguments: Other.allCases) func compactedMeanwhile(other: Other) throws {
    let store = try open("store")
    for number in 0..<2000 { try store.put("\(number)", for: "\(number % 5)", durability: .relaxed) }
    try store.backup(to: directory.path("earlier"))
    switch other {
    case .written:
      try Files.copyTree(directory.path("earlier"), to: directory.path("other"))
      let opened = try open("other")
      try opened.put("mine", for: "alone")
      try opened.close()
    case .longer, .apart:
      try Store.restore(from: directory.path("earlier"), to: directory.path("second"))
      let second = try open("second")
      if other == .longer {
        for _ in 0..<3000 { try second.put("", for: "0", durability: .relaxed) }
      } else {
        for number in 0..<100 { try second.put([UInt8](repeating: 1, count: 4000), for: "\(number)") }
        for number in 0..<50 { try store.put([UInt8](repeating: 2, count: 4000), for: "cold \(number)") }
      }
      try second.put("mine", for: "alone")
      try second.backup(to: directory.path("other"))
      try second.close()
    }
    let last = try #require(try numbers("other").last)
    var rounds = 0
    while try rounds < 20 || numbers("store").contains(last) {
      for number in 0..<20 { try store.put([UInt8](repeating: 3, count: 4000), for: "\(number % 5)") }
      try store.compact()
      rounds += 1
    }
    let common = Set(try numbers("store")).intersection(try numbers("other"))
    #expect(common.isEmpty == (other != .apart))
    let before = try Files.names(directory.path("other"))
    expectError(.notAStore) { try store.backup(to: directory.path("other")) }
    #expect(try Files.names(directory.path("other")) == before)
    let kept = try open("other", .readOnly)
    #expect(try kept.value(for: "alone") == Array("mine".utf8))
    #expect((kept.lastSequence > store.lastSequence) == (other == .longer))
    try kept.close()
    // What is an earlier state is replaced.
    try store.backup(to: directory.path("earlier"))
    #expect(try Numbered.same(store, directory.path("earlier")))
    try store.close()
  }

  /// Of what cannot be read, nobody can say that it is an earlier state: it stays. What is only cut short is a part of
  /// what the store has, as long as that has the segment.
  @Test func damagedLastSegment() throws {
    let store = try open("store")
    for number in 0..<2000 { try store.put("\(number)", for: "\(number % 5)", durability: .relaxed) }
    try store.backup(to: directory.path("earlier"))
    let last = SegmentHeader.name(try #require(try numbers("earlier").last))
    let bytes = try Files.read(directory.path("earlier") + "/" + last)
    var header = bytes
    header[60] ^= 1
    let spoilt = [header, [], Array(bytes[..<100]), Array(bytes[..<256]), Array(bytes[..<300])]
    func expectRefusals(of spoilt: some Collection<[UInt8]>) throws {
      for (number, content) in spoilt.enumerated() {
        let name = "other \(number)"
        try Files.copyTree(directory.path("earlier"), to: directory.path(name))
        try Files.write(content, to: directory.path(name) + "/" + last)
        expectError(.notAStore) { try store.backup(to: directory.path(name)) }
        #expect(try Files.read(directory.path(name) + "/" + last) == content)
      }
    }
    try expectRefusals(of: spoilt.prefix(3))
    while try Files.segments(directory.path("store")).contains(last) {
      for number in 0..<20 { try store.put([UInt8](repeating: 3, count: 4000), for: "\(number % 5)") }
      try store.compact()
    }
    try expectRefusals(of: spoilt)
    try store.backup(to: directory.path("earlier"))
    #expect(try Numbered.same(store, directory.path("earlier")))
    try store.close()
  }

  /// What is left of a store without its first file is nobody's earlier state, for all that one can tell.
  @Test func withoutTheFileThatMakesItAStore() throws {
    let store = try open("store")
    try store.put("1", for: "a")
    try store.backup(to: directory.path("backup"))
    Files.remove(directory.path("backup/STORE"))
    expectError(.notAStore) { try store.backup(to: directory.path("backup")) }
    expectError(.notAStore) { try store.backup(to: directory.path("next"), since: directory.path("backup")) }
    #expect(try numbers("backup").count == 1)
    try store.close()
  }

  // MARK: What others have left

  /// On a file system that cannot exchange names, a backup has another name for a moment.
  @Test func putBack() throws {
    let (store, other) = (try open("store"), try open("other"))
    let (path, previous) = (directory.path("backup"), directory.path("backup.0123456789abcdef.previous"))
    var model = Numbered()
    try fill(store, &model, 10)
    try store.backup(to: path)
    try store.backup(to: directory.path("second"))
    // It is there, if under another name: so nothing is restored over it.
    try FileManager.default.moveItem(atPath: path, toPath: previous)
    expectError(.notAStore) { try Store.restore(from: directory.path("second"), to: path) }
    try BackupTests.expect(path, &model, "put back")
    // Another store's is not this one's to put back, nor to remove.
    try FileManager.default.moveItem(atPath: path, toPath: previous)
    try other.put("value", for: "key")
    try other.backup(to: path)
    try other.backup(to: path)
    try BackupTests.expect(previous, &model, "the other one's")
    // Once it has its name again, what is left of others goes.
    Files.remove(path)
    try store.backup(to: path)
    try Files.copyTree(path, to: previous)
    Files.remove(previous + "/STORE")
    try store.backup(to: path)
    #expect(try Files.names(directory.path) == ["backup", "other", "second", "store"])
    for store in [store, other] { try store.close() }
  }

  /// A frozen store may be made where a backup was begun, and the other way round.
  @Test func leftoversOfAnotherKind() throws {
    let store = try open("store")
    try store.put("value", for: "key")
    try FileManager.default.createDirectory(
      atPath: directory.path("place.0123456789abcdef.tmp"), withIntermediateDirectories: false)
    try store.freeze(to: directory.path("place"))
    #expect(try FrozenStore.open(directory.path("place")).value(for: "key") == Array("value".utf8))
    expectError(.notAStore) { try store.backup(to: directory.path("place")) }
    try store.close()
  }

  // MARK: What is shared

  /// The file that whoever opens a backup for writing goes on in is in no other one.
  @Test func lastSegmentsAreNotShared() throws {
    var model = Numbered()
    let store = try open("store")
    try fill(store, &model, 100)
    try store.close()
    try open("store", .readOnly).backup(to: directory.path("first"))
    // Small segments: the next session goes on in a new one, and the last one stays as it was in the backup.
    let again = try open("store")
    while try Files.segments(directory.path("store")).count < 4 { try fill(again, &model, 10) }
    let segments = try Files.segments(directory.path("first"))
    try again.backup(to: directory.path("second"), since: directory.path("first"))
    let last = try #require(segments.last)
    #expect(try Files.read(directory.path("first/" + last)) == Files.read(directory.path("second/" + last)))
    #expect(try identity(directory.path("first/" + last)) != identity(directory.path("second/" + last)))
    // In place, nobody else has it.
    try again.backup(to: directory.path("first"))
    try again.backup(to: directory.path("third"), since: directory.path("second"))
    for name in ["first", "second", "third"] { try BackupTests.expect(directory.path(name), &model, "\(name)") }
    // The store itself is no earlier backup: the two would be one.
    expectError(.invalidOption) { try again.backup(to: directory.path("new"), since: directory.path("store")) }
    try again.close()
  }

  /// What cannot be read in an earlier backup is copied.
  @Test(arguments: ["link", "folder", "short", "long", "nothing"]) func brokenEarlier(kind: String) throws {
    let store = try open("store")
    var model = Numbered()
    try fill(store, &model, 1000)
    try store.backup(to: directory.path("first"))
    let segment = directory.path("first/" + (try Files.segments(directory.path("first"))[1]))
    let bytes = try Files.read(segment)
    Files.remove(segment)
    switch kind {
    case "link": try FileManager.default.createSymbolicLink(atPath: segment, withDestinationPath: "/dev/zero")
    case "folder": try FileManager.default.createDirectory(atPath: segment, withIntermediateDirectories: false)
    case "short": try Files.write(Array(bytes.prefix(100)), to: segment)
    case "long": try Files.write(bytes + [1, 2, 3, 4, 5, 6, 7, 8], to: segment)
    default: break
    }
    for (target, earlier) in [("second", "first"), ("first", nil)] {
      let done = try store.backup(to: directory.path(target), since: earlier.map { directory.path($0) })
      #expect(done.bytesCopied >= bytes.count && done.bytesKept > bytes.count)
      try BackupTests.expect(directory.path(target), &model, "\(target)")
    }
    try store.close()
  }

  /// A link to nowhere, or to a file, is no place for a backup.
  @Test func links() throws {
    let store = try open("store")
    try store.put("value", for: "key")
    try Files.write([1], to: directory.path("file"))
    try FileManager.default.createSymbolicLink(atPath: directory.path("lost"), withDestinationPath: "nowhere")
    try FileManager.default.createSymbolicLink(atPath: directory.path("way"), withDestinationPath: "file")
    for name in ["lost", "way"] {
      expectError(.notAStore) { try store.backup(to: directory.path(name)) }
      #expect(try Files.isLink(directory.path(name)))
    }
    #expect(try Files.read(directory.path("file")) == [1])
    #expect(try Files.names(directory.path) == ["file", "lost", "store", "way"])
    try store.close()
  }

  // MARK: Stores that are read

  /// A follower backs up what it has read; what tells it of news is no part of a backup.
  @Test func ofAFollower() throws {
    let store = try open("store")
    var (model, found) = (Numbered(), Numbered())
    try fill(store, &model, 300)
    let follower = try Store.follow(directory.path("store"), refreshing: .manual)
    for _ in 0..<5 {
      try fill(store, &model, 500)
      try store.compact()
      try store.sync()
      try follower.refresh()
      // Not read yet.
      try fill(store, &model, 20)
      try store.sync()
      let done = try follower.backup(to: directory.path("backup"))
      #expect(done.lastSequence == follower.lastSequence && done.lastSequence < store.lastSequence)
      try BackupTests.expect(directory.path("backup"), &found, "of a follower")
      #expect(found.number == model.number - 20)
    }
    #expect(Files.exists(directory.path("store/news")) && !Files.exists(directory.path("backup/news")))
    // While it is copied, the follower reads on, and compaction takes segments away.
    var steps = 0
    let done = try follower.backup(to: directory.path("second")) { (_) throws(StoreError) in
      steps += 1
      if steps > 3 { return }
      do {
        try fill(store, &model, 300)
        try store.compact()
        try store.sync()
        try follower.refresh()
      } catch { throw error as? StoreError ?? StoreError(.system, "\(error)") }
    }
    #expect(done.lastSequence < follower.lastSequence)
    try BackupTests.expect(directory.path("second"), &found, "of a follower that goes on")
    try follower.close()
    try store.close()
  }

  /// What a store keeps of earlier versions is in its backups, and in what is made from them.
  @Test func earlierVersions() throws {
    var options = BackupTests.options()
    options.keepVersions = 2
    let store = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<2000 { try store.put("\(number) of many", for: "\(number % 50)", durability: .relaxed) }
    try store.compact()
    let expected = try store.history(of: "7").map(\.sequence)
    #expect(expected.count >= 3)
    try store.backup(to: directory.path("backup"))
    try Store.restore(from: directory.path("backup"), to: directory.path("restored"))
    for name in ["backup", "restored"] {
      let copy = try open(name, .readOnly)
      #expect(try copy.history(of: "7").map(\.sequence) == expected)
      try copy.close()
    }
    #expect(try store.backup(to: directory.path("backup")).bytesCopied == 0)
    try store.close()
  }

  // MARK: Restoring

  @Test func restoredOverAStore() throws {
    let (backup, path) = (directory.path("backup"), directory.path("store"))
    let store = try open("store")
    var model = Numbered()
    try fill(store, &model, 600)
    try store.backup(to: backup)
    var old = model
    try fill(store, &model, 100)
    expectError(.locked) { try Store.restore(from: backup, to: path, replacing: true) }
    try store.close()
    let reader = try open("store", .readOnly)
    expectError(.notAStore) { try Store.restore(from: backup, to: path) }
    let other = try open("other")
    try other.close()
    expectError(.notAStore) { try Store.restore(from: backup, to: directory.path("other"), replacing: true) }
    try Files.write([1], to: path + "/notes")
    expectError(.notAStore) { try Store.restore(from: backup, to: path, replacing: true) }
    Files.remove(path + "/notes")
    expectError(.invalidOption) { try Store.restore(from: backup, to: backup, replacing: true) }
    // Whatever has become of it.
    let segment = path + "/" + (try Files.segments(path)[0])
    var bytes = try Files.read(segment)
    bytes[3000] ^= 1
    try Files.write(bytes, to: segment)
    let done = try Store.restore(from: backup, to: path, replacing: true)
    #expect(done.bytesKept == 0 && done.bytesCopied == done.bytes)
    try BackupTests.expect(path, &old, "restored")
    #expect(old.number == 600)
    #expect(try reader.value(for: "last") == Array("700".utf8))
    try reader.close()
    #expect(try Files.names(directory.path) == ["backup", "other", "store"])
    // It can be gone on with, and backed up.
    let again = try open("store")
    try fill(again, &old, 10)
    try again.backup(to: backup)
    try BackupTests.expect(backup, &old, "backed up again")
    try again.close()
  }

  /// A checkpoint, which is no part of a backup, would spare the log to be read.
  @Test func restoreReadsTheLog() throws {
    let (backup, path) = (directory.path("backup"), directory.path("restored"))
    let store = try open("store")
    var model = Numbered()
    try fill(store, &model, 1000)
    try store.backup(to: backup)
    try store.close()
    let opened = try open("backup")
    try opened.engine.writeCheckpoint()
    try opened.close()
    #expect(try Files.names(backup).contains(CheckpointHeader.name))
    try Store.restore(from: backup, to: path)
    #expect(try !Files.names(path).contains(CheckpointHeader.name))
    // A record that verifies and is not the one that belongs there.
    let segment = backup + "/" + (try Files.segments(backup)[1])
    var bytes = try Files.read(segment)
    let offset = SegmentHeader.recordsStart + Engine.linkBytes
    unsafe bytes.withUnsafeMutableBytes { buffer in
      let view = unsafe MemoryView(buffer.baseAddress!, count: buffer.count)
      let salt = try? SegmentHeader(decoding: view, file: segment).salt
      let header = RecordHeader(decoding: view, at: offset)!
      view.store(header.sequence + 1, at: offset + 8)
      let rest = view.slice(offset + 8, header.recordByteCount - 8)
      view.store(rest.hash(seed: RecordHeader.seed(salt: salt ?? 0, offset: offset)), at: offset)
    }
    try Files.write(bytes, to: segment)
    let error = #expect(throws: StoreError.self) { try Store.restore(from: backup, to: directory.path("second")) }
    #expect(error?.code == .damaged && error?.file == segment && error?.byteOffset == offset)
    #expect(try Files.names(directory.path) == ["backup", "restored", "store"])
  }
}
