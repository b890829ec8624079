import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: a follower shows what the writer has committed, whatever that does: compaction, checkpoints, closing, another
/// session. (Followers in other processes, and writers that die: see ``KillTests``.)
/// Method: after each of these the two hold the same.
@Suite(.serialized) struct FollowerTests {
  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 100_000
    return options
  }

  @Test func goesAlong() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options())
    try store.put("1", for: "a")
    let follower = try Store.follow(path, refreshing: .manual)
    #expect(try follower.value(for: "a") == Array("1".utf8))
    #expect(try !follower.refresh() && !follower.hasNews)
    try store.put("2", for: "a")
    try store.put("b", for: "b", expires: .at(milliseconds: 4_000_000_000_000))
    #expect(try follower.value(for: "a") == Array("1".utf8))
    #expect(follower.hasNews)
    #expect(try follower.refresh() && !follower.hasNews)
    #expect(try follower.contents() == store.contents())
    try store.remove("a")
    #expect(try follower.refresh() && follower.value(for: "a") == nil)
    #expect(throws: StoreError.self) { try follower.put("3", for: "a") }
    // Larger than what is read at once, and than a segment.
    try store.put([UInt8](repeating: 7, count: 300_000), for: "large")
    for number in 0..<3000 { try store.put(SelfDescribing.value(number), for: "\(number % 200)") }
    #expect(try follower.refresh())
    #expect(try follower.contents() == store.contents())
    #expect(follower.lastSequence == store.lastSequence)
    try store.compact()
    #expect(try follower.refresh())
    #expect(try follower.contents() == store.contents())
    #expect(follower.statistics.segments == store.statistics.segments)
    // Another session, in the same segment and in a new one.
    try store.close()
    for session in 0..<4 {
      let next = try Store.open(at: path, options: options())
      try next.put("\(session)", for: "session")
      for number in 0..<session * 300 { try next.put(SelfDescribing.value(number), for: "\(number % 200)") }
      try next.close()
      #expect(try follower.refresh())
      #expect(try follower.value(for: "session") == Array("\(session)".utf8))
    }
    try follower.close()
    #expect(try Files.leaks(below: directory.path).isEmpty)
  }

  /// Of a batch that is being written, nothing is shown.
  /// Method: the log is cut at every place within the batch, followed, and then made whole.
  @Test func halfABatch() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options())
    try store.put("0", for: "a")
    let start = store.engine.log.position
    try store.write { batch in
      for key in ["a", "b", "c"] { try batch.put("1", for: key) }
      try batch.remove("a")
    }
    let end = store.engine.log.position
    let name = try #require(try Files.segments(path).last)
    let copy = directory.path("copy")
    try Files.copyStore(path, to: copy)
    try store.close()
    let bytes = try Files.read(copy + "/" + name)
    Files.remove(copy + "/" + News.name)
    let before = [Array("a".utf8): Array("0".utf8)]
    let after = [Array("b".utf8): Array("1".utf8), Array("c".utf8): Array("1".utf8)]
    for cut in stride(from: start + 8, to: end, by: 8) {
      try Files.write(Array(bytes[..<start]), to: copy + "/" + name)
      let follower = try Store.follow(copy, refreshing: .manual)
      try Files.write(Array(bytes[..<cut]), to: copy + "/" + name)
      #expect(try !follower.refresh(), "cut at \(cut) of \(start) to \(end)")
      #expect(try follower.contents().mapValues(\.value) == before, "cut at \(cut) of \(start) to \(end)")
      try Files.write(bytes, to: copy + "/" + name)
      #expect(try follower.refresh(), "cut at \(cut) of \(start) to \(end)")
      #expect(try follower.contents().mapValues(\.value) == after, "cut at \(cut) of \(start) to \(end)")
      try follower.close()
    }
  }

  /// Who looks at the very moment in which the writer writes is told once more when the bytes are there.
  @Test func newsComeAfterTheBytes() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let fault = FaultyFileSystem.Fault()
    let store = Store(engine: try Engine.open(path, options(), FaultyFileSystem(fault: fault)))
    let follower = try Store.follow(path, refreshing: .manual)
    fault.beforeRecords.withLock { $0 = { _ = try? follower.refresh() } }
    try store.put("1", for: "a")
    fault.beforeRecords.withLock { $0 = nil }
    #expect(follower.hasNews)
    #expect(try follower.refresh() && follower.contains("a"))
    try store.close()
    try follower.close()
  }

  /// One that has not looked for long finds segments gone that it has never read.
  @Test func overtaken() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options())
    for number in 0..<300 { try store.put(SelfDescribing.value(number), for: "\(number)") }
    let follower = try Store.follow(path, refreshing: .manual)
    let old = try follower.snapshot()
    let before = try follower.contents()
    for round in 0..<30 {
      for number in 0..<300 where (number + round) % 3 > 0 {
        try store.put(SelfDescribing.value(number + round), for: "\(number)")
      }
      if round % 5 == 0 { try store.remove("\(round)") }
    }
    try store.compact()
    // What it has, it keeps.
    #expect(try follower.contents() == before && old.value(for: "7") == before[Array("7".utf8)]?.value)
    #expect(try follower.refresh())
    #expect(try follower.contents() == store.contents())
    #expect(throws: StoreError.self) { try old.value(for: "7") }
    try store.put("more", for: "more")
    #expect(try follower.refresh() && follower.contains("more"))
    try store.close()
    try follower.close()
    #expect(try Files.leaks(below: directory.path).isEmpty)
  }

  @Test func byItself() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options())
    let follower = try Store.follow(path)
    for number in 0..<20 {
      try store.put("\(number)", for: "key")
      while try follower.value(for: "key") != Array("\(number)".utf8) { usleep(200) }
    }
    try store.close()
    try follower.close()
  }

  /// The next writer tells of news in another file, because somebody has removed the first: they are found out all the
  /// same, if not at once.
  @Test func byItselfWhereNobodyTellsIt() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Store.open(at: path, options: options()).close()
    let follower = try Store.follow(path)
    Files.remove(path + "/" + News.name)
    let store = try Store.open(at: path, options: options())
    try store.put("1", for: "key")
    while try follower.value(for: "key") == nil { usleep(10_000) }
    try store.put("2", for: "key")
    while try follower.value(for: "key") != Array("2".utf8) { usleep(1000) }
    try store.close()
    try follower.close()
  }

  /// A store that is being made, in place of one whose making was interrupted, is not there or there: never damaged.
  @Test func whileItIsMade() throws {
    var found = 0
    for moment in 0..<20 {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      try Files.write([], to: path + "/segment-00000001.log")
      let counter = HookCounter()
      let options = options()
      let system = HookedFileSystem {
        guard counter.next() == moment, let store = try? Store.open(at: path, options: options) else { return }
        for number in 0..<300 { _ = try? store.put(SelfDescribing.value(number), for: "\(number)") }
        try? store.close()
      }
      let opened = Result { () throws(StoreError) in try Engine.follow(path, Store.Options(.readOnly), system) }
      switch opened {
      case .success(let engine):
        found += 1
        try engine.close()
      case .failure(let error): #expect(error.code == .notFound, "\(moment): \(error)")
      }
    }
    #expect(found > 0)
  }

  /// Another store in the place of the one that is followed, of another identity or of the same, is not taken for it.
  /// Method: the follower is made to read the store anew, by compaction, when it is not there any more.
  @Test(arguments: [(false, false), (true, false), (true, true)])
  func anotherStoreInItsPlace(isRelated: Bool, isFollowedBefore: Bool) throws {
    let directory = TemporaryDirectory()
    let (path, other) = (directory.path("store"), directory.path("other"))
    func fill(_ store: Store, _ round: Int) throws {
      for number in 0..<300 { try store.put(SelfDescribing.value(number + round), for: "\(number)") }
    }
    try Store.open(at: path, options: options()).close()
    if isRelated { try Files.copyTree(path, to: other) }
    // Then it knows of no segment that the two have of their own.
    var follower = isFollowedBefore ? try Store.follow(path, refreshing: .manual) : nil
    for place in [path, other] {
      let store = try Store.open(at: place, options: options())
      try fill(store, 0)
      if place == other { try store.put("other", for: "other") }
      try store.close()
    }
    let store = try Store.open(at: path, options: options())
    if follower == nil { follower = try Store.follow(path, refreshing: .manual) }
    try FileManager.default.moveItem(atPath: path, toPath: directory.path("away"))
    for round in 0..<30 { try fill(store, round) }
    try store.compact()
    // The two go on in segments of the same number.
    let last = try #require(try Files.segments(directory.path("away")).last)
    let second = try Store.open(at: other, options: options())
    while try #require(try Files.segments(other).last) < last {
      try second.beginSegment()
      try second.put("more", for: "more")
    }
    try second.close()
    #expect(try Files.segments(other).last == last)
    try Files.copyTree(other, to: path)
    let following = try #require(follower)
    let error = #expect(throws: StoreError.self) { try following.refresh() }
    #expect(error?.code == (isRelated ? .historyGone : .notFound), "\(error?.description ?? "")")
    #expect(error?.message.contains("replaced") == true, "\(error?.description ?? "")")
    #expect(try following.contents().count == (isFollowedBefore ? 0 : 300) && !following.contains("other"))
    try following.close()
    try store.close()
  }

  /// The files of another life of the same store, in the place of those that are followed, are not taken for them.
  @Test func anotherLifeInItsPlace() throws {
    let directory = TemporaryDirectory()
    let (path, other) = (directory.path("store"), directory.path("other"))
    func fill(_ place: String, _ segments: Int, _ name: String) throws {
      let store = try Store.open(at: place, options: options())
      for number in 0..<segments {
        try store.beginSegment()
        try store.put(name, for: "\(number)")
      }
      try store.close()
    }
    try Store.open(at: path, options: options()).close()
    try Files.copyTree(path, to: other)
    try fill(path, 3, "followed")
    // It goes on where the one that is followed has ended.
    try fill(other, 6, "other")
    let follower = try Store.follow(path, refreshing: .manual)
    for name in try Files.names(path) { Files.remove(path + "/" + name) }
    for name in try Files.names(other) { try Files.write(try Files.read(other + "/" + name), to: path + "/" + name) }
    let error = #expect(throws: StoreError.self) { try follower.refresh() }
    #expect(error?.code == .historyGone && error?.message.contains("replaced") == true, "\(error?.description ?? "")")
    let contents = try follower.contents()
    #expect(contents.count == 3 && contents.values.allSatisfy { $0.value == Array("followed".utf8) })
    try follower.close()
  }

  @Test func whatIsNoStore() throws {
    let directory = TemporaryDirectory()
    #expect(throws: StoreError.self) { try Store.follow(directory.path("none")) }
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options())
    let follower = try Store.follow(path, refreshing: .manual)
    for number in 0..<300 { try store.put(SelfDescribing.value(number), for: "\(number)") }
    try store.close()
    Files.remove(path)
    let error = #expect(throws: StoreError.self) { while true { try follower.refresh() } }
    #expect(error?.code == .notFound)
    try follower.close()
  }
}
