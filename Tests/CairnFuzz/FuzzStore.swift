import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Synchronization

/// A store in memory whose files are replaced by hostile ones, and which is then read in every way.
final class FuzzStore: Sendable {
  static let shared = FuzzStore()

  private let path: String
  private let golden: [String: [UInt8]]
  /// A store of which compaction has taken segments away.
  private let compacted: [String: [UInt8]]
  private let content: [String: String]
  private let turn = Mutex<Void>(())

  private init() {
    // Where there is one, in memory.
    let folder = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    path = folder + "/cairn-fuzz-\(getpid())"
    guard let files = try? FormatCase.checkpoint.make(),
      let compacted = try? FormatCase.all.first(where: { $0.name == "after-compaction" })?.make()
    else { preconditionFailure("the stores to begin with cannot be made") }
    golden = files
    self.compacted = compacted
    var content: [String: String] = [:]
    for number in 1...20 { content["\(number)"] = "value \(number)" }
    self.content = content
  }

  deinit { Files.remove(path) }

  private func with(_ files: [String: [UInt8]], _ body: () -> Void) {
    turn.withLock { _ in
      Files.remove(path)
      defer { Files.remove(path) }
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
      } catch {
        preconditionFailure("the store cannot be written: \(error)")
      }
      body()
    }
  }

  func read(header bytes: [UInt8]) {
    var files = golden
    for header in [bytes, Checksums.repaired(header: bytes)] {
      files["STORE"] = header
      with(files) { readEverything() }
    }
  }

  func read(segment bytes: [UInt8]) {
    // The header belongs to this segment, or whatever it says.
    var header = golden["STORE"]!
    header.replaceSubrange(48..<64, with: [UInt8](0x10..<0x20))
    with(["STORE": Checksums.repaired(header: header), "segment-00000001.log": bytes]) {
      readEverything()
      compare()
    }
  }

  func read(gone bytes: [UInt8]) {
    var files = compacted
    for list in [bytes, Checksums.repaired(gone: bytes)] {
      files["segments.gone"] = list
      with(files) {
        readEverything()
        compare()
      }
    }
  }

  /// Two readers that share no way of finding things find the same.
  private func compare() {
    let tool = Result { () throws(StoreError) in try dump() }
    let engine = Result { () throws(StoreError) in try contents() }
    if case .success(let tool) = tool, case .success(let engine) = engine {
      precondition(tool.isWhole == engine.isWhole, "one takes the log for whole, the other does not")
      precondition(tool.entries == engine.entries, "two readers find different entries")
    } else if case .success(let tool) = tool {
      // The engine refuses what the other one shows nothing of.
      precondition(!tool.isWhole, "one takes the log for whole, the other does not")
    }
  }

  /// An index of another store, or of none, never makes a value wrong.
  func read(checkpoint bytes: [UInt8]) {
    var files = golden
    files["index.checkpoint"] = bytes
    with(files) {
      readEverything()
      guard let store = try? Store.open(at: path, options: Store.Options(.readOnly)) else { return }
      for (key, value) in content {
        if let found = try? store.value(for: key) { precondition(found == Array(value.utf8), "a wrong value") }
      }
      try? store.close()
    }
  }

  private struct Entry: Equatable {
    let value: [UInt8]
    let version: UInt64
    let deadline: Int64?
  }

  private func contents() throws(StoreError) -> (entries: [[UInt8]: Entry], isWhole: Bool) {
    let store = try Store.open(at: path, options: Store.Options(.readOnly))
    var entries: [[UInt8]: Entry] = [:]
    var failure: StoreError?
    do {
      try store.forEach { entry in
        entries[unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }] = Entry(
          value: unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }, version: entry.version,
          deadline: entry.deadline)
        return true
      }
    } catch {
      failure = error as? StoreError
    }
    let isWhole = store.damage == nil
    try store.close()
    if let failure { throw failure }
    return (entries, isWhole)
  }

  private func dump() throws(StoreError) -> (entries: [[UInt8]: Entry], isWhole: Bool) {
    var reader = try EntryReader(StoreDirectory(opening: path), filter: .all)
    var entries: [[UInt8]: Entry] = [:]
    try reader.forEach(.version) { (entry) throws(StoreError) in
      entries[entry.key] = Entry(value: entry.value, version: entry.version, deadline: entry.deadline)
      return true
    }
    if let error = reader.leftOut { throw error }
    return (entries, reader.damage == nil)
  }

  /// Everything that looks at a store, for its own sake.
  private func readEverything() {
    guard let directory = try? StoreDirectory(salvaging: path) else { return }
    _ = try? Salvage(directory)
    guard let opened = try? StoreDirectory(opening: path) else { return }
    _ = try? Summary(opened).json
    _ = try? Verification(opened, isDeep: true).text()
    _ = try? Statistics(opened, separator: [UInt8(ascii: ":")]).text
    for name in Set(golden.keys).union(compacted.keys) {
      for offset in [0, 256, 330, 4096, 40_000] {
        _ = try? HexDump(of: path + "/" + name, at: offset).text(isWhole: true)
      }
    }
  }
}
