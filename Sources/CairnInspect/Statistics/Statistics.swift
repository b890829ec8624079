package import Cairn

/// What a store holds, counted: sizes, deadlines, ages, where its bytes are.
package struct Statistics {
  /// How many entries, and how many bytes their records take.
  struct Part: Equatable {
    var entries = 0
    var bytes = 0

    mutating func add(_ byteCount: Int) {
      entries += 1
      bytes += byteCount
    }
  }

  let store: StoreDirectory
  let log: LogReport
  let byteCountOnDisk: Int
  private(set) var live = Part()
  private(set) var keys = Histogram()
  private(set) var values = Histogram()
  /// Entries whose time is up, and which have not been replaced or removed.
  private(set) var expired = Part()
  /// Values that are stored compressed, by what they are without that, and what they take.
  private(set) var compressed = Part()
  private(set) var compressedTo = 0
  /// Live entries by how long they still live, in the order of `horizons`; then those that live for ever.
  private(set) var deadlines: [Part]
  /// Live entries by when their segment was made, in the order of `ages`; then older ones.
  private(set) var ages: [Part]
  /// By what keys begin with, the largest first.
  private(set) var prefixes: [(prefix: [UInt8], part: Part)] = []
  /// How many more there are.
  private(set) var morePrefixes = 0
  private(set) var probes: ProbeLengths?

  /// Up to so many milliseconds.
  static let horizons: [(name: String, milliseconds: Int64)] = [
    ("a minute", 60_000), ("an hour", 3_600_000), ("a day", 86_400_000), ("a week", 604_800_000),
    ("a year", 31_536_000_000), ("longer", .max),
  ]
  static let ages: [(name: String, milliseconds: Int64)] = [
    ("an hour", 3_600_000), ("a day", 86_400_000), ("a week", 604_800_000), ("30 days", 2_592_000_000),
    ("a year", 31_536_000_000),
  ]
  static let prefixesListed = 10

  /// Reads the whole log.
  ///
  /// - Parameter separator: what ends the beginning of a key that is taken for its prefix.
  package init(
    _ store: StoreDirectory, separator: [UInt8], progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    let checkpoint = try CheckpointFile.load(store).file
    probes = try checkpoint.flatMap { (file) throws(StoreError) in try ProbeLengths(file) }
    var walk = try LogWalk(store, depth: .records, checkpoint: checkpoint, visitor: try LiveEntries(.all))
    walk.progress = progress
    try walk.run()
    self.store = store
    log = walk.report
    byteCountOnDisk = try store.byteCountOnDisk()
    deadlines = [Part](repeating: Part(), count: Self.horizons.count + 1)
    ages = [Part](repeating: Part(), count: Self.ages.count + 1)
    try count(walk.visitor.table, separator)
  }

  private mutating func count(
    _ table: KeyTable<LiveEntries.Location>, _ separator: [UInt8]
  ) throws(StoreError) {
    let now = SystemClock().wallMilliseconds()
    let created = Dictionary(log.segments.map { ($0.number, $0.created) }) { first, _ in first }
    var parts = try KeyTable<Part>()
    for (number, location) in table.values.enumerated() where location.isPut {
      guard location.isLive(at: now) else {
        expired.add(location.byteCount)
        continue
      }
      live.add(location.byteCount)
      let key = table.key(number)
      keys.add(key.count)
      values.add(location.valueByteCount)
      if location.storedByteCount < location.valueByteCount {
        compressed.add(location.valueByteCount)
        compressedTo += location.storedByteCount
      }
      let left = location.deadline.subtractingReportingOverflow(now).partialValue
      let horizon = Self.horizons.firstIndex { left <= $0.milliseconds } ?? 0
      deadlines[location.deadline == .max ? Self.horizons.count : horizon].add(location.byteCount)
      let age = now.subtractingReportingOverflow(created[location.segment] ?? now).partialValue
      ages[Self.ages.firstIndex { age <= $0.milliseconds } ?? Self.ages.count].add(location.byteCount)
      try Self.add(location.byteCount, prefix: Self.prefix(of: key, separator), to: &parts)
    }
    let sorted = parts.sorted { _ in true }.sorted { parts.values[$0].bytes > parts.values[$1].bytes }
    prefixes = sorted.prefix(Self.prefixesListed).map { (parts.key($0), parts.values[$0]) }
    morePrefixes = sorted.count - prefixes.count
  }

  private static func add(
    _ byteCount: Int, prefix: [UInt8], to parts: inout KeyTable<Part>
  ) throws(StoreError) {
    let view = unsafe MemoryView(prefix.span.bytes)
    var part = parts.number(of: view).map { parts.values[$0] } ?? Part()
    part.add(byteCount)
    try parts.set(part, for: view)
  }

  /// Up to the first separator, with it; nothing where there is none.
  private static func prefix(of key: [UInt8], _ separator: [UInt8]) -> [UInt8] {
    guard !separator.isEmpty, key.count >= separator.count else { return [] }
    for start in 0...key.count - separator.count where key[start...].starts(with: separator) {
      return Array(key[..<(start + separator.count)])
    }
    return []
  }

  /// What was found damaged on the way, or is of a newer version.
  package var damage: StoreError? { log.obstacle?.error }
}

/// How many buckets of the index a search looks at, as the checkpoint has it.
struct ProbeLengths: Equatable {
  /// Number `n`: entries that stand in the bucket `n` places behind their home bucket.
  private(set) var counts: [Int] = []
  private(set) var buckets = 0

  /// `nil` if a shard fails its checksum.
  init?(_ file: CheckpointFile) throws(StoreError) {
    for shard in file.shards where shard.buckets > 0 {
      let byteCount = shard.buckets * CheckpointFile.bucketBytes
      guard let view = try file.window.bytes(at: shard.offset, byteCount), view.hash(seed: 0) == shard.checksum else {
        return nil
      }
      buckets += shard.buckets
      for at in stride(from: 0, to: byteCount, by: 8) {
        let entry = view.load(at, as: UInt64.self)
        if entry == 0 { continue }
        // SPEC 5.4.
        let home = Int(((entry >> 40) * UInt64(shard.buckets)) >> 24)
        let distance = (at / CheckpointFile.bucketBytes - home + shard.buckets) % shard.buckets
        while counts.count <= distance { counts.append(0) }
        counts[distance] += 1
      }
    }
  }

  var entries: Int { counts.reduce(0, +) }
  var load: Double { buckets == 0 ? 0 : Double(entries) / Double(buckets * CheckpointFile.bucketEntries) }
}
