package import Cairn

/// A new store with what can be saved of a damaged one, which is not touched.
package struct Repair {
  package let salvage: Salvage
  /// Entries that the new store has.
  package private(set) var entries = 0
  package private(set) var entryBytes = 0
  package private(set) var expired = 0
  /// Entries that only a newer version can read; they are not in the new store.
  package private(set) var notUnderstood = 0
  /// Entries whose values cannot be decompressed.
  package private(set) var broken = 0
  /// Entries that are there without what only a newer version knows to say about them.
  package private(set) var simplified = 0

  /// - Parameter path: of the new store, which must not exist. Whoever calls removes it if this throws.
  package init(
    of store: StoreDirectory, to path: String, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    salvage = try Salvage(store, progress: progress)
    var options = Store.Options()
    // Of values that were compressed with the dictionary of their segment: the others are stored as they are.
    options.compression = .zstd()
    let target = try Store.open(at: path, options: options)
    try write(to: target, progress)
    try target.sync()
    try target.close()
  }

  private mutating func write(to target: Store, _ progress: (any ProgressListener)?) throws(StoreError) {
    let now = SystemClock().wallMilliseconds()
    var records = LocatedRecords(salvage.store, salts: salvage.salts)
    var writer = BatchWriter(target)
    // In the order of their versions, so that those of the new store have the same order.
    let places = salvage.table.values.filter(\.isPut).sorted { ($0.version, $0.place) < ($1.version, $1.place) }
    for (done, location) in places.enumerated() {
      if done % 1024 == 0 { try progress?.advance(to: done, of: places.count) }
      guard location.isLive(at: now) else {
        expired += 1
        continue
      }
      let record: LogRecord
      do throws(StoreError) {
        record = try records.record(at: location, isNextNear: true)
      } catch {
        guard error.code == .damaged else { throw error }
        broken += 1
        continue
      }
      guard record.header.isUnderstood else {
        notUnderstood += 1
        continue
      }
      // As it is stored: to compress it again takes long, and nobody has said how. Where the dictionary of its segment
      // is needed, there is no other way.
      let isAsStored = record.header.dictionary == 0
      try writer.put(
        (isAsStored ? record.storedValue : record.value).array(), codec: isAsStored ? record.header.codec : nil,
        for: record.key.array(), deadline: record.deadline, attributes: record.attributes)
      entries += 1
      if record.header.saysMoreThanAttributes(record.bytes) { simplified += 1 }
      entryBytes += record.bytes.count
    }
    try writer.flush()
  }

  /// What was left out, a line for each range of bytes.
  package var text: String {
    var text = salvage.skipped.map { skipped in
      let (file, range) = (Escaping.text(skipped.file), skipped.range)
      if range.isEmpty { return "damaged: \(file): \(skipped.reason)\n" }
      let place = "\(file) bytes \(range.lowerBound) to \(range.upperBound - 1) (\(range.count) bytes)"
      return "skipped: \(place): \(skipped.reason)\n"
    }.joined()
    if salvage.skippedMore > 0 { text += "skipped: \(salvage.skippedMore) ranges more\n" }
    if expired > 0 { text += "left out: \(expired) entries whose time is up\n" }
    if broken > 0 { text += "left out: \(broken) entries whose values are damaged\n" }
    if notUnderstood > 0 { text += "left out: \(notUnderstood) entries that only a newer version can read\n" }
    if salvage.skippable > 0 { text += "left out: \(salvage.skippable) records that only a newer version needs\n" }
    if salvage.earlier > 0 { text += "left out: \(salvage.earlier) earlier versions of entries\n" }
    if simplified > 0 { text += "left out: what only a newer version says about \(simplified) entries\n" }
    return text + "saved: \(entries) entries of \(entryBytes) bytes, from \(salvage.records) valid records\n"
  }

  package var json: String {
    let skipped = salvage.skipped.map { skipped in
      JSON.object([
        ("file", .string(skipped.file)), ("from", .integer(skipped.range.lowerBound)),
        ("to", .integer(skipped.range.upperBound)), ("reason", .string(skipped.reason)),
      ])
    }
    let value = JSON.object([
      ("entries", .integer(entries)), ("entryBytes", .integer(entryBytes)), ("records", .integer(salvage.records)),
      ("recordBytes", .integer(salvage.recordBytes)), ("expired", .integer(expired)),
      ("broken", .integer(broken)), ("notUnderstood", .integer(notUnderstood)), ("simplified", .integer(simplified)),
      ("skippable", .integer(salvage.skippable)), ("earlierVersions", .integer(salvage.earlier)),
      ("skipped", .array(skipped)),
      ("skippedMore", .integer(salvage.skippedMore)),
    ])
    return value.text(indentation: 0) + "\n"
  }
}
