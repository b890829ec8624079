import Cairn
import CairnTestSupport
import CairnTorture
import Foundation
import Testing

/// Goal: where somebody removes files of a store, or puts others in their place, or takes the right to them away, those
/// who have it open, and those who open it, get right values or typed errors, and never a wrong value.
/// Method: each file of a store that has had some of everything, and each kind of loss, under a store that is open, a
/// follower, and one that is opened after it. Where a file becomes shorter while it is mapped, the kernel may end the
/// process that reads there: that is promised to no one (see the README), and tried in a process of its own.
@Suite(.serialized) struct FileLossTests {
  private enum Loss: CaseIterable {
    case removed, emptied, another, older, directory, fifo, link, forbidden
  }

  /// It is as it was at some moment; or it is known to be damaged, and shows only what was put.
  private func isRight(_ store: Store, _ seed: UInt64, steps: Int) throws -> Bool {
    let contents = try store.contents().mapValues(\.value)
    var work = Work(seed: seed)
    if work.goOn(to: contents) { return true }
    if store.damage == nil { return false }
    var rest = contents
    work = Work(seed: seed)
    for _ in 0..<steps {
      work.goOn()
      for (key, value) in rest where work.entries[key] == value { rest[key] = nil }
    }
    return rest.isEmpty
  }

  /// See ``rightsAreLost()`` for a process that may not do everything.
  private func checkThatItIsOne(_ loss: Loss) throws {
    if loss == .forbidden && Self.isRoot { try Test.cancel("nothing is forbidden to root") }
  }

  private func isRefusal(_ error: any Error) -> Bool { error is StoreError }

  private func lose(_ path: String, _ loss: Loss, _ other: String, _ older: [UInt8]) throws {
    // In place of the file, and never in it: others have it mapped.
    Files.remove(path)
    switch loss {
    case .removed: break
    case .emptied: try Files.write([], to: path)
    case .another: try Files.write(Files.read(other), to: path)
    case .older: try Files.write(older, to: path)
    case .directory: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    case .fifo: #expect(unsafe mkfifo(path, 0o600) == 0)
    case .link: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
    case .forbidden:
      try Files.write(older, to: path)
      #expect(unsafe chmod(path, 0) == 0)
    }
  }

  /// Throws, or shows nothing wrong.
  /// - Parameter mayBeOlder: all that was there may be less, and nobody can tell.
  private func look(_ comment: Comment, _ work: Work, mayBeOlder: Bool, _ open: () throws -> Store) {
    do {
      let store = try open()
      defer { try? store.close() }
      let isRight = try isRight(store, work.seed, steps: work.done)
      #expect(isRight, comment)
      if mayBeOlder || store.damage != nil { return }
      let isWhole = try store.contents().mapValues(\.value) == work.entries
      #expect(isWhole, "\(comment): something is missing, and nothing says so")
    } catch {
      #expect(isRefusal(error), "\(comment): \(error)")
    }
  }

  private func make(_ seed: UInt64) throws -> (directory: TemporaryDirectory, work: Work) {
    let directory = TemporaryDirectory(isInMemory: true)
    var worker = Worker(folder: directory.path, seed: seed, done: 0, hasThreads: false) { _ in }
    let end = worker.run(until: 62)
    #expect(end == .done)
    return (directory, Work(seed: seed, done: 62))
  }

  @Test(arguments: Loss.allCases) private func aFileIsLost(loss: Loss) throws {
    try checkThatItIsOne(loss)
    let seed = SeededRandom.seeds(1)[0]
    let (fixture, work) = try make(seed)
    let (other, _) = try make(seed &+ 1)
    let options = work.options(hasThreads: true)
    for name in try Files.names(fixture.path("store")) {
      let directory = TemporaryDirectory(isInMemory: true)
      let path = directory.path("store")
      try Files.copyTree(fixture.path("store"), to: path)
      let comment: Comment = "seed \(seed): \(name), \(loss)"
      let store = try Store.open(at: path, options: options)
      let reader = try Store.open(at: path, options: Store.Options(.readOnly))
      let follower = try Store.follow(path, refreshing: .manual)
      let strange = other.path("store/\(name)")
      let old = try Files.read(path + "/" + name)
      try lose(
        path + "/" + name, loss, Files.exists(strange) ? strange : other.path("store/LOCK"),
        Array(old.prefix(old.count / 2)))
      // Those that have it open go on by what they have.
      for opened in [store, reader, follower] {
        let isRight = try opened.contents().mapValues(\.value) == work.entries
        #expect(isRight, comment)
      }
      let later = Later(work)
      var (done, begun, followed) = (0, 0, 0)
      do {
        while begun < 300 {
          begun += 1
          try store.put(Later.value(begun), for: Later.key(begun), durability: .disk)
          done = begun
          try follower.refresh()
          followed = begun
        }
        try store.compact()
        try follower.refresh()
      } catch { #expect(isRefusal(error), "\(comment): \(error)") }
      later.check(store, done...done, comment)
      later.check(follower, followed...begun, comment)
      later.check(reader, 0...0, comment)
      try follower.close()
      try? store.close()
      try reader.close()
      for access in [Store.Options.Access.readOnly, .mustExist] {
        var options = options
        options.access = access
        do {
          let again = try Store.open(at: path, options: options)
          later.check(again, done...begun, "\(comment), opened again (\(access))")
          try again.close()
        } catch { #expect(isRefusal(error), "\(comment): \(error)") }
      }
    }
  }

  /// What is put into a store after the loss: each value says which it is.
  private struct Later {
    let work: Work

    init(_ work: Work) { self.work = work }

    static func key(_ number: Int) -> [UInt8] { Array("key-\(number % 60)".utf8) }
    static func value(_ number: Int) -> [UInt8] { Array("later-\(number):".utf8) + [UInt8](repeating: 1, count: 1000) }

    /// A store holds all up to one of these, or says that it cannot tell; or it is known to be damaged, and shows
    /// nothing that was not put.
    func check(_ store: Store, _ numbers: ClosedRange<Int>, _ comment: Comment) {
      let contents: [[UInt8]: [UInt8]]
      do { contents = try store.contents().mapValues(\.value) } catch {
        #expect(error is StoreError, "\(comment): \(error)")
        return
      }
      if store.damage != nil {
        #expect(contents.allSatisfy { wasPut($1, for: $0) }, comment)
        return
      }
      let isOne = numbers.contains { last in
        var expected = work.entries
        for number in stride(from: 1, through: last, by: 1) { expected[Self.key(number)] = Self.value(number) }
        return contents == expected
      }
      let missing = (1...300).last { contents[Self.key($0)] == Self.value($0) } ?? 0
      #expect(isOne, "\(comment): up to \(missing), expected \(numbers)")
    }

    private func wasPut(_ value: [UInt8], for key: [UInt8]) -> Bool {
      if (1...300).contains(where: { Self.key($0) == key && Self.value($0) == value }) { return true }
      var work = Work(seed: work.seed)
      while work.done < self.work.done {
        work.goOn()
        if work.entries[key] == value { return true }
      }
      return false
    }
  }

  /// Of one that nobody writes to any more.
  @Test(arguments: Loss.allCases) private func aFileIsLostBefore(loss: Loss) throws {
    try checkThatItIsOne(loss)
    let seed = SeededRandom.seeds(1)[0]
    let (fixture, work) = try make(seed)
    let (other, _) = try make(seed &+ 1)
    for name in try Files.names(fixture.path("store")) {
      let directory = TemporaryDirectory(isInMemory: true)
      let path = directory.path("store")
      try Files.copyTree(fixture.path("store"), to: path)
      let strange = other.path("store/\(name)")
      let old = try Files.read(path + "/" + name)
      try lose(
        path + "/" + name, loss, Files.exists(strange) ? strange : other.path("store/LOCK"),
        Array(old.prefix(old.count / 2)))
      let comment: Comment = "seed \(seed): \(name), \(loss)"
      // Half a segment is what a power failure may leave of it.
      let mayBeOlder = loss == .older && SegmentHeader.number(name) != nil
      let (readOnly, writable) = (Store.Options(.readOnly), work.options(hasThreads: true))
      look(comment, work, mayBeOlder: mayBeOlder) { try Store.open(at: path, options: readOnly) }
      look(comment, work, mayBeOlder: mayBeOlder) { try Store.follow(path, refreshing: .manual) }
      look(comment, work, mayBeOlder: mayBeOlder) { try Store.open(at: path, options: writable) }
    }
  }

  /// A follower may die of it, or see what is left when somebody has opened the rest for writing; but nothing wrong.
  @Test func aFileBecomesShorter() throws {
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    for round in 0..<12 {
      let (directory, work) = try make(random.seed)
      let path = directory.path("store")
      let output = directory.path("output")
      let end = directory.path("end")
      let opened = directory.path("opened")
      let follower = try Child([Writer.program, "follow", path, "\(random.seed)", end, opened], output: output)
      usleep(UInt32(random.below(60_000)))
      let names = try Files.segments(path)
      let name = path + "/" + names[random.below(names.count)]
      let length = random.below(try Files.read(name).count)
      #expect(unsafe truncate(name, off_t(length)) == 0)
      usleep(50_000)
      // It goes on to whatever comes now.
      if let store = try? Store.open(at: path, options: work.options(hasThreads: true)) {
        _ = try? store.put("", for: "probe")
        try? store.close()
      }
      try Files.write([], to: end)
      let fate = follower.wait()
      let lines = Child.lines(output)
      let comment: Comment = "seed \(random.seed), round \(round): \(length) of \(name): \(fate), \(lines)"
      #expect([.exited(0), .exited(4), .killed(SIGBUS)].contains(fate), comment)
      #expect(!lines.contains { $0.hasPrefix("wrong") }, comment)
    }
  }

  /// Goal: another store at the same path is never taken for the one that was followed.
  @Test func theStoreIsReplaced() throws {
    let (first, work) = try make(1)
    let (second, _) = try make(2)
    let path = first.path("store")
    let follower = try Store.follow(path, refreshing: .manual)
    #expect(try follower.contents().mapValues(\.value) == work.entries)
    try FileManager.default.moveItem(atPath: path, toPath: first.path("away"))
    try Files.copyTree(second.path("store"), to: path)
    for _ in 0..<3 {
      do { try follower.refresh() } catch { #expect(isRefusal(error)) }
      let isRight = try follower.contents().mapValues(\.value) == work.entries
      #expect(isRight)
    }
    try follower.close()
  }

  // MARK: Rights

  private static let isRoot = getuid() == 0

  /// Root may do anything, so a child works as somebody else; what it loses meanwhile it gets back afterwards.
  @Test(.enabled(if: isRoot, "needs root, to work as another user")) func rightsAreLost() throws {
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    let nobody = 65_534
    // What it runs must be in reach of that user.
    let reach = TemporaryDirectory()
    #expect(unsafe chmod(reach.path, 0o755) == 0)
    let program = reach.path("writer")
    try FileManager.default.copyItem(atPath: Writer.program, toPath: program)
    let place = TemporaryDirectory()
    let trial = try Trial(
      seed: random.seed, hasThreads: true, program: program, in: place.path, done: 60)
    var errors = 0
    for round in 0..<12 {
      let lost = round % 3
      try trial.prepare()
      for path in try [place.path] + FileManager.default.subpathsOfDirectory(atPath: place.path).map({ place.path($0) })
      {
        #expect(unsafe chown(path, uid_t(nobody), gid_t(nobody)) == 0)
      }
      let outcome = try trial.play(["user=\(nobody)"]) {
        $0
      } meanwhile: {
        usleep(UInt32(round < 3 ? 0 : 5_000 + random.below(60_000)))
        let store = place.path("store")
        switch lost {
        case 0: unsafe _ = chmod(store, 0)
        case 1: unsafe _ = chmod(store, 0o500)
        default:
          for name in (try? Files.names(store)) ?? [] { unsafe _ = chmod(store + "/" + name, 0) }
        }
      }
      #expect(outcome.isOrderly, "round \(round): \(outcome.description)")
      if outcome.hasFailed { errors += 1 }
      unsafe _ = chmod(place.path("store"), 0o700)
      for name in try Files.names(place.path("store")) { unsafe _ = chmod(place.path("store/\(name)"), 0o600) }
      let objection = trial.objection(to: outcome)
      #expect(objection == nil, "round \(round)")
    }
    #expect(errors >= 3)
  }

  /// A disk that can only be read any more: it is read, and opening for writing says why not.
  @Test(.enabled(if: SmallDisk.canMount, "\(SmallDisk.reason)")) func aDiskThatCannotBeWrittenTo() throws {
    let disk = try SmallDisk(mebibytes: 3)
    var worker = Worker(folder: disk.path, seed: 3, done: 0, hasThreads: false) { _ in }
    #expect(worker.run(until: 62) == .done)
    let work = Work(seed: 3, done: 62)
    let path = disk.path + "/store"
    try disk.setReadOnly(true)
    for access in [Store.Options.Access.createIfMissing, .mustExist] {
      let error = #expect(throws: StoreError.self) { try Store.open(at: path, options: Store.Options(access)) }
      #expect(error?.code == .permissionDenied)
    }
    for open in [{ try Store.open(at: path, options: Store.Options(.readOnly)) }, { try Store.follow(path) }] {
      let store = try open()
      #expect(try store.contents().mapValues(\.value) == work.entries)
      try store.close()
    }
    try disk.setReadOnly(false)
    let store = try Store.open(at: path)
    try store.put("1", for: "1")
    try store.close()
  }
}
