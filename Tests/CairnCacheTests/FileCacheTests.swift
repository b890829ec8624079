import Cairn
import CairnTestSupport
import Foundation
import Testing

@testable import CairnCache

/// Goal: a result for a file is there as long as the file is what it was, and no longer.
/// Method: files are written, touched, replaced, put back and removed, also within one tick of the clock.
@Suite struct FileCacheTests {
  private let directory = TemporaryDirectory()

  private func write(_ text: String, to name: String) throws {
    try Files.write(Array(text.utf8), to: directory.path("files/" + name))
  }

  private func makeFolder(_ name: String = "files") throws {
    try FileManager.default.createDirectory(atPath: directory.path(name), withIntermediateDirectories: true)
  }

  /// Long ago, so that its stamps say all.
  private func age(_ name: String) throws {
    let date = Date(timeIntervalSinceNow: -1000)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: directory.path("files/" + name))
  }

  /// - Parameter age: of files that have just been written, for it, in seconds.
  private func fileCache(_ fixture: CacheFixture, age: Int64 = 0) throws -> FileCache<String> {
    FileCache(try fixture.cache()) { FileAccess.now() + age * 1_000_000_000 - 3_600_000_000_000 }
  }

  @Test func asLongAsItIsTheSame() throws {
    let fixture = try CacheFixture()
    let files = try fileCache(fixture)
    try makeFolder()
    try write("one", to: "a")
    let path = directory.path("files/a")
    var reads = 0
    func get() throws -> String {
      try files.value(
        for: path,
        reading: { content in
          reads += 1
          return "read \(String(decoding: content, as: UTF8.self))"
        })
    }
    #expect(files.value(for: path) == nil)
    #expect(try get() == "read one" && reads == 1)
    #expect(try get() == "read one" && reads == 1 && files.value(for: path) == "read one")
    try write("two", to: "a")
    #expect(files.value(for: path) == nil)
    #expect(try get() == "read two" && reads == 2)
    // Other times, the same content.
    try age("a")
    #expect(try get() == "read two" && reads == 3)
    // Another file in its place, of the same size.
    try write("six", to: "b")
    try age("b")
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: directory.path("files/b"), toPath: path)
    #expect(try get() == "read six" && reads == 4)
    try FileManager.default.removeItem(atPath: path)
    #expect(files.value(for: path) == nil)
    #expect(throws: FileCacheError.self) { try get() }
    #expect(throws: FileCacheError.self) { try files.value(for: directory.path, computing: { $0 }) }
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/hostname")
    #expect(throws: FileCacheError.self) { try get() }
  }

  /// Two contents of one size, one identity: as after two writes within a tick.
  @Test func sameTick() throws {
    let fixture = try CacheFixture()
    let files = try fileCache(fixture)
    try makeFolder()
    try write("one", to: "a")
    let path = directory.path("files/a")
    let identity = try #require(FileAccess.identity(of: path))
    var reads = 0
    func get() throws -> String {
      try files.value(
        for: path,
        computing: { path in
          reads += 1
          return String(decoding: try Files.read(path), as: UTF8.self)
        })
    }
    #expect(try get() == "one" && reads == 1)
    let key = try files.cache.storeKey(path)
    #expect(try fixture.store.attributes(of: key)?["@sha256"] != nil, "it is young")
    #expect(try get() == "one" && reads == 1)
    // What a rewrite in the same tick would leave: the identity of now, with the digest of before.
    try write("two", to: "a")
    let now = try #require(FileAccess.identity(of: path))
    #expect(identity.byteCount == now.byteCount && identity.inode == now.inode)
    var attributes = try #require(try fixture.store.attributes(of: key))
    attributes["@file"] = .string(now.description)
    try fixture.store.put("one", for: key, attributes: attributes)
    #expect(files.value(for: path) == nil)
    #expect(try get() == "two" && reads == 2)
  }

  /// Once it is not young any more, and has been found the same, nothing is read for it.
  @Test func whatWasYoungIsComparedOnce() throws {
    let fixture = try CacheFixture()
    let files = try fileCache(fixture)
    try makeFolder()
    try write("one", to: "a")
    let path = directory.path("files/a")
    _ = try files.value(for: path, reading: { String(decoding: $0, as: UTF8.self) })
    let key = try files.cache.storeKey(path)
    #expect(try fixture.store.attributes(of: key)?["@sha256"] != nil)
    // Two hours later.
    let later = try fileCache(fixture, age: 7200)
    #expect(later.value(for: path) == "one")
    #expect(try fixture.store.attributes(of: key)?["@sha256"] == nil)
    let version = try fixture.store.version(of: key)
    #expect(later.value(for: path) == "one")
    #expect(try fixture.store.version(of: key) == version)
    // Of one that is old when it is read, nothing is kept.
    try write("two", to: "b")
    let other = directory.path("files/b")
    _ = try later.value(for: other, reading: { "\($0.count)" })
    #expect(try fixture.store.attributes(of: files.cache.storeKey(other))?["@sha256"] == nil)
  }

  @Test func aFolder() throws {
    let fixture = try CacheFixture()
    let files = try fileCache(fixture)
    try makeFolder("files/deep/er")
    for name in ["a", "b", "deep/c", "deep/er/d"] { try write(name, to: name) }
    let folder = directory.path("files")
    let paths = ["a", "b", "deep/c", "deep/er/d"].map { folder + "/" + $0 }
    var check = try files.check(below: folder)
    #expect(check.new == paths && check.unchanged.isEmpty)
    for path in paths { _ = try files.value(for: path, reading: { "\($0.count)" }) }
    files.cache.put("of no file", for: folder + "/x")
    check = try files.check(below: folder + "/")
    #expect(check.unchanged == paths && check.new.isEmpty && check.changed.isEmpty && check.vanished.isEmpty)
    try write("changed", to: "b")
    try FileManager.default.removeItem(atPath: paths[2])
    try write("new", to: "e")
    check = try files.check(below: folder)
    #expect(check.unchanged == [paths[0], paths[3]] && check.changed == [paths[1]])
    #expect(check.new == [folder + "/e"] && check.vanished == [paths[2]])
    #expect(try files.removeVanished(below: folder + "/deep/er") == 0)
    #expect(try files.removeVanished(below: folder) == 1)
    #expect(try files.check(below: folder).vanished.isEmpty && files.cache.size.entries == 4)
    #expect(try files.check(below: folder + "/none") == .init())
    // One name, written in two ways: the file has the one that is not the key's.
    try write("ü", to: "u\u{308}")
    let name = folder + "/u\u{308}"
    _ = try files.value(for: name, reading: { "\($0.count)" })
    #expect(try files.check(below: folder).vanished.isEmpty && files.removeVanished(below: folder) == 0)
    #expect(files.value(for: name) == "2")
  }
}
