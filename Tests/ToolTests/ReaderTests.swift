import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: the specification suffices. A reader in another language, written from it alone, finds in every store what the
/// engine finds, and calls damaged what the engine calls so.
/// Method: random stores, whole and spoilt, given to both.
@Suite(.enabled(if: Reader.isThere, "python3 and libxxhash are needed")) struct ReaderTests {
  private static let stores = 200

  /// Random puts, removes, batches and deadlines; closed, or left as a killed process leaves it. Or many segments of
  /// which some have been compacted, as a writer in another language makes them.
  private func makeStore(_ path: String, seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    if random.percent(40) { return try makeCompacted(path, &random) }
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = [nil, 0, 20_000][random.below(3)]
    options.durability = [.process, .disk][random.below(2)]
    options.compression = [.none, .zstd()][random.below(2)]
    let live = path + "-live"
    for _ in 0...random.below(3) {
      let store = try Store.open(at: live, options: options)
      for _ in 0..<random.below(80) { try commit(store, &random) }
      if random.percent(30) { try store.compact() }
      if random.percent(30) {
        Files.remove(path)
        try Files.copyStore(live, to: path)
      }
      try store.close()
    }
    if random.percent(50) || !FileManager.default.fileExists(atPath: path) {
      Files.remove(path)
      try Files.copyTree(live, to: path)
    }
  }

  private func makeCompacted(_ path: String, _ random: inout SeededRandom) throws {
    try Writer.makeCompacted(path, &random)
    if random.percent(40) {
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      options.checkpointInterval = [nil, 0][random.below(2)]
      let store = try Store.open(at: path, options: options)
      for _ in 0..<random.below(20) { try commit(store, &random) }
      try store.close()
    }
    try Files.copyTree(path, to: path + "-live")
  }

  private func commit(_ store: Store, _ random: inout SeededRandom) throws {
    func key(_ random: inout SeededRandom) -> [UInt8] { random.bytes(1 + random.below(2)) }
    func expiry(_ random: inout SeededRandom) -> Store.Expiry {
      random.percent(20) ? .at(milliseconds: 4_000_000_000_000 + Int64(random.below(1000))) : .never
    }
    let size = random.percent(5) ? 20_000 : 100
    func value(_ random: inout SeededRandom) -> [UInt8] {
      if random.percent(30) { return [UInt8](repeating: 0x61, count: random.below(10 * size)) }
      return random.bytes(random.below(size))
    }
    switch random.below(5) {
    case 0: try store.remove(key(&random))
    case 1:
      try store.write { batch in
        for _ in 0...random.below(6) {
          if random.percent(30) {
            try batch.remove(key(&random))
          } else {
            try batch.put(value(&random), for: key(&random), expires: expiry(&random))
          }
        }
      }
    default: try store.put(value(&random), for: key(&random), expires: expiry(&random))
    }
  }

  private func dump(_ store: Store) throws -> String {
    var lines: [(version: UInt64, line: String)] = []
    try store.forEach { entry in
      lines.append((entry.version, DumpText.line(entry)))
      return true
    }
    return lines.sorted { $0.version < $1.version }.map(\.line).joined()
  }

  @Test func agreesOnWholeStores() throws {
    let directory = TemporaryDirectory()
    for seed in SeededRandom.seeds(Self.stores) {
      let path = directory.path("store-\(seed)")
      try makeStore(path, seed: seed)
      let read = try Reader.run("dump", path)
      let store = try Store.open(at: path, options: Store.Options(.readOnly))
      #expect(read.code == 0 && store.damage == nil, "seed \(seed): \(read.errors)")
      #expect(try read.text == dump(store), "seed \(seed)")
      try store.close()
      for name in [path, path + "-live"] { Files.remove(name) }
    }
  }

  /// Method: bits flipped, ranges zeroed, files cut short, lengthened with rubbish, removed.
  @Test func agreesOnWhatIsDamaged() throws {
    let directory = TemporaryDirectory()
    var verdicts: [Int32: Int] = [:]
    let seeds = SeededRandom.seeds(Self.stores)
    for seed in seeds {
      let path = directory.path("store-\(seed)")
      try makeStore(path, seed: seed)
      var random = SeededRandom(seed: seed)
      if random.percent(50) { Files.remove(path + "/index.checkpoint") }
      let what = try spoil(path, &random)
      let hasCheckpoint = FileManager.default.fileExists(atPath: path + "/index.checkpoint")
      let read = try Reader.run("dump", path)
      let seen = Result { () throws(StoreError) in
        try Store.open(at: path, options: Store.Options(.readOnly))
      }
      if case .success(let store) = seen {
        // With a checkpoint the engine gets at what comes after the damage, too, and does not read what is covered.
        if !hasCheckpoint {
          // Of a log that has lost its beginning, the engine shows what there is if nothing was in that.
          if !what.hasSuffix("removed") { #expect(try read.text == dump(store), "seed \(seed): \(what)") }
          #expect((store.damage == nil) == (read.code == 0), "seed \(seed): \(what); \(read.errors)")
        }
        try store.close()
      }
      let opened = Result { () throws(StoreError) in try Store.open(at: path, options: Store.Options(.mustExist)) }
      let code: Int32
      switch opened {
      case .success(let store):
        code = 0
        // What an earlier session may not have synced is read once more before it is.
        do throws(StoreError) { try store.close() } catch {
          #expect(hasCheckpoint && error.code == .damaged, "seed \(seed): \(what); \(error)")
        }
      case .failure(let error): code = error.code == .unsupportedFormat ? 4 : error.code == .notFound ? 3 : 3
      }
      #expect(
        read.code == code || hasCheckpoint && code == 0 && read.code == 3,
        "seed \(seed): \(what); reader: \(read.errors); engine: \(opened)")
      verdicts[code, default: 0] += 1
      for name in [path, path + "-live"] { Files.remove(name) }
    }
    // Otherwise this compares little; a replay has one.
    #expect(seeds.count == 1 || min(verdicts[0, default: 0], verdicts[3, default: 0]) > Self.stores / 10)
  }

  private func spoil(_ path: String, _ random: inout SeededRandom) throws -> String {
    let names = try Files.names(path).filter { $0 != "LOCK" && $0 != "news" }.sorted()
    let name = names[random.below(names.count)]
    let file = path + "/" + name
    var bytes = try Files.read(file)
    // Near the end of what is used, half of the time: there it is decided what was torn.
    let used = max(1, bytes.lastIndex { $0 != 0 } ?? 1)
    let at = random.percent(50) ? max(0, used - random.below(400)) : random.below(used)
    switch random.below(5) {
    case 0: bytes[at] ^= 1 << UInt8(random.below(8))
    case 1: for place in at..<min(bytes.count, at + 1 + random.below(300)) { bytes[place] = 0 }
    case 2: bytes.removeSubrange(at...)
    case 3: bytes += random.bytes(1 + random.below(100))
    default:
      Files.remove(file)
      return "\(name) removed"
    }
    try Files.write(bytes, to: file)
    return "\(name) changed at \(at)"
  }
}

/// `Formats/v1/reader.py`.
enum Reader {
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Formats/v1/reader.py").path

  static let folder = URL(fileURLWithPath: script).deletingLastPathComponent().path

  static let isThere: Bool = {
    let result = try? Tool.run(
      URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", "import ctypes; ctypes.CDLL('libxxhash.so.0')"])
    return result?.code == 0
  }()

  static func run(_ command: String, _ path: String) throws -> Tool.Result {
    try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), ["python3", script, command, path])
  }
}

/// `Formats/v1/writer.py`.
enum Writer {
  /// A store that is compacted while it is written. Returns what it holds.
  @discardableResult
  static func makeCompacted(_ path: String, _ random: inout SeededRandom) throws -> [[UInt8]: [UInt8]] {
    var content: [[UInt8]: [UInt8]] = [:]
    var lines = ""
    for number in 0..<1 + random.below(120) {
      let key = "key-\(random.below(25))"
      if random.percent(25) {
        content[Array(key.utf8)] = nil
        lines += "{\"key\": \"\(key)\"}\n"
      } else {
        let value = "\(number)" + String(repeating: "v", count: random.below(60))
        content[Array(key.utf8)] = Array(value.utf8)
        let deadline = random.percent(20) ? ", \"deadline\": \(4_000_000_000_000 + number)" : ""
        lines += "{\"key\": \"\(key)\", \"value\": \"\(value)\"\(deadline)}\n"
      }
    }
    let input = path + "-lines"
    try Files.write(Array(lines.utf8), to: input)
    defer { Files.remove(input) }
    let made = try Tool.run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c",
        "python3 \"$0\" \"$1\" --compacted \(random.below(1 << 30)) \(random.percent(50) ? "--open" : "") < \"$2\"",
        Reader.folder + "/writer.py", path, input,
      ])
    try #require(made.code == 0, "\(made.errors)")
    return content
  }
}
