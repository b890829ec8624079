package import Cairn

/// A frozen store as the tools look at it. Unlike the files of a store, it is mapped: it does not change.
package struct FrozenFile {
  package let store: FrozenStore

  /// The file itself, never the one before it.
  package init(_ path: String) throws(StoreError) {
    var options = FrozenStore.Options()
    options.fallsBack = false
    store = try FrozenStore.open(path, options: options)
  }

  /// Whether a file is, or was before something happened to it, a frozen store: half of its first 16 bytes are right.
  package static func isMeant(_ path: String) -> Bool {
    guard let (parent, name) = try? FrozenStore.parts(of: path),
      let directory = try? PosixFileSystem().openDirectory(parent, creating: nil),
      let file = try? directory.open(name, forWriting: false), let byteCount = try? file.byteCount()
    else { return false }
    let window = FileWindow(file, byteCount: min(byteCount, 16))
    guard let found = (try? window.bytes(at: 0, 16))?.array() else { return false }
    let magic = [Magic.frozen.0, Magic.frozen.1]
    return found.indices.count { found[$0] == UInt8(truncatingIfNeeded: magic[$0 / 8] >> ($0 % 8 * 8)) } >= 8
  }

  private var header: FrozenHeader { store.header }
  private var isFromStore: Bool { header.store != StoreIdentifier(low: 0, high: 0) }

  /// What it is and holds, as its header says.
  package var text: String {
    let rows: [(String, String)] = [
      ("path", Escaping.text(store.path)),
      ("format", "frozen \(FormatVersion.major).\(FormatVersion.minor)"),
      ("frozen", Timestamp.text(milliseconds: header.created)),
      ("of the store", isFromStore ? "\(header.store), as of sequence \(header.sequence)" : "none"),
      ("entries", "\(header.entries), \(header.keyBytes) bytes of keys, \(header.valueBytes) of values"),
      ("dictionaries", String(header.dictionaries)),
      ("bytes", "\(header.fileByteCount), \(header.fileByteCount - header.indexOffset) of them index"),
    ]
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { $0 + String(repeating: " ", count: width - $0.count + 2) + $1 + "\n" }.joined()
  }

  package var json: String {
    let value = JSON.object([
      ("path", .string(store.path)), ("format", .string("frozen \(FormatVersion.major).\(FormatVersion.minor)")),
      ("frozen", .integer(Int(header.created))), ("store", .optional(isFromStore ? header.store.description : nil)),
      ("sequence", .unsigned(header.sequence)), ("entries", .integer(header.entries)),
      ("keyBytes", .unsigned(header.keyBytes)), ("valueBytes", .unsigned(header.valueBytes)),
      ("dictionaries", .integer(header.dictionaries)), ("bytes", .integer(header.fileByteCount)),
      ("indexBytes", .integer(header.fileByteCount - header.indexOffset)),
    ])
    return value.text(indentation: 0) + "\n"
  }

  // MARK: Entries

  /// Calls `body` with the records of all entries of the filter that have not expired, until it returns `false`.
  ///
  /// - Throws: where the file is damaged, what that is, after the records before it.
  package func forEach(
    _ filter: KeyFilter, _ order: EntryReader.Order, progress: (any ProgressListener)? = nil,
    _ body: (FrozenRecord) throws(StoreError) -> Bool
  ) throws(StoreError) {
    var records: [FrozenRecord] = []
    var damage: StoreError?
    do throws(StoreError) {
      try store.forEachRecord { (record) throws(StoreError) in
        if records.count % 1024 == 0 { try progress?.advance(to: record.offset, of: header.recordsEnd) }
        if !store.isExpired(record) && filter.matches(store.key(of: record)) { records.append(record) }
        return true
      }
    } catch {
      guard error.code == .damaged else { throw error }
      damage = error
    }
    switch order {
    case .key: records.sort { store.key(of: $0).precedes(store.key(of: $1)) }
    case .version: records.sort { (store.version(of: $0), $0.offset) < (store.version(of: $1), $1.offset) }
    }
    for record in records where try !body(record) { break }
    if let damage { throw damage }
  }
}

/// What verifying a frozen store has shown.
package struct FrozenVerification {
  package let verdict: Verification.Verdict
  private let path: String
  private let finding: Finding?
  private let entries: Int?

  package init(_ path: String, progress: (any ProgressListener)? = nil) throws(StoreError) {
    self.path = path
    var entries: Int?
    do throws(StoreError) {
      let store = try FrozenFile(path).store
      entries = store.count
      try store.verify { (done, total) throws(StoreError) in try progress?.advance(to: done, of: total) }
      verdict = .clean
      finding = nil
    } catch {
      guard let finding = Finding(error), error.code != .notAStore else { throw error }
      verdict = finding.severity == .notUnderstood ? .notUnderstood : .damaged
      self.finding = finding
    }
    self.entries = entries
  }

  package func text(isColoured: Bool = false) -> String {
    func coloured(_ text: String, _ isBad: Bool) -> String {
      isColoured ? "\u{1B}[\(isBad ? 31 : 32)m\(text)\u{1B}[0m" : text
    }
    let first = finding.map { coloured($0.line, true) + "\n" } ?? ""
    let what = [.clean: "clean", .damaged: "damaged", .notUnderstood: "not understood"][verdict] ?? ""
    let count = entries.map { ": \(counted($0, "entry", "entries"))" } ?? ""
    return first + coloured(what, verdict != .clean) + count + "\n"
  }

  package var json: String {
    let value = JSON.object([
      ("path", .string(path)), ("verdict", .string(verdict.rawValue)), ("entries", .optional(entries)),
      ("findings", .array(finding.map { [$0.json] } ?? [])),
    ])
    return value.text(indentation: 0) + "\n"
  }
}
