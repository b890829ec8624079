internal import Cairn
package import CairnIndex

/// Which keys concern a command.
package enum KeyFilter: Sendable {
  case all
  case prefix([UInt8])
  case glob(Glob)
  case key([UInt8])

  func matches(_ key: MemoryView) -> Bool {
    switch self {
    case .all: return true
    case .prefix(let prefix): return key.starts(with: unsafe MemoryView(prefix.span.bytes))
    case .glob(let glob): return glob.matches(key.array())
    case .key(let wanted): return key.isEqual(to: unsafe MemoryView(wanted.span.bytes))
    }
  }

  /// Whether some of these keys may begin with a prefix.
  func concerns(prefix: [UInt8]) -> Bool {
    switch self {
    case .all: true
    case .prefix(let wanted): wanted.starts(with: prefix) || prefix.starts(with: wanted)
    case .glob(let glob): glob.prefix.starts(with: prefix) || prefix.starts(with: glob.prefix)
    case .key(let key): key.starts(with: prefix)
    }
  }

  /// Whether a record is about one of these keys.
  func concerns(_ record: LogRecord) -> Bool {
    record.header.isBarrier ? concerns(prefix: record.key.array()) : matches(record.key)
  }
}

/// What the log says is live: the dictionary that the store's index is another form of.
struct LiveEntries: LogVisitor {
  /// Where the newest operation of a key stands.
  struct Location {
    let segment: UInt64
    let offset: Int
    let byteCount: Int
    let valueByteCount: Int
    /// Of the value, as it stands in the log.
    let storedByteCount: Int
    let sequence: UInt64
    let version: UInt64
    /// Milliseconds since 1970; `.max`: never.
    let deadline: Int64
    /// Whether it gives its key a value, which nothing has hidden.
    var isPut: Bool

    var place: LogPlace { LogPlace(segment: segment, offset: offset) }

    init(_ record: LogRecord, segment: UInt64) {
      self.segment = segment
      offset = record.offset
      byteCount = record.bytes.count
      valueByteCount = record.valueByteCount
      storedByteCount = record.header.valueByteCount
      sequence = record.header.sequence
      version = record.version
      deadline = record.deadline ?? .max
      isPut = record.header.kind == RecordHeader.Kind.put
    }

    /// Whether the entry is there at a moment.
    func isLive(at now: Int64) -> Bool { isPut && deadline > now }
  }

  let filter: KeyFilter
  private(set) var table: KeyTable<Location>
  /// Of the batch that is being read.
  private var pending: [(key: [UInt8], location: Location)] = []
  private var barriers: (pending: [Barrier], all: [Barrier]) = ([], [])

  init(_ filter: KeyFilter) throws(StoreError) {
    self.filter = filter
    table = try KeyTable()
  }

  mutating func add(_ record: LogRecord, segment: UInt64) throws(StoreError) {
    let key = record.key
    if record.header.isBarrier {
      barriers.pending.append(Barrier(prefix: key.array(), version: record.version))
      return
    }
    guard filter.matches(key) else { return }
    let location = Location(record, segment: segment)
    if pending.isEmpty && record.header.flags & RecordHeader.Flags.moreFollows == 0 {
      try table.set(location, for: key)
    } else {
      pending.append((key.array(), location))
    }
  }

  mutating func commit() throws(StoreError) {
    for (key, location) in pending { try table.set(location, for: unsafe MemoryView(key.span.bytes)) }
    pending.removeAll(keepingCapacity: true)
    barriers.all += barriers.pending
    barriers.pending.removeAll()
  }

  mutating func drop() {
    pending.removeAll(keepingCapacity: true)
    barriers.pending.removeAll()
  }

  mutating func finish() throws(StoreError) { try table.hide(behind: barriers.all) }

  mutating func restart() throws(StoreError) { self = try LiveEntries(filter) }
}

extension KeyTable<LiveEntries.Location> {
  /// What barriers hide is not there. Only when all of them are known: a version tells which are newer, not a place.
  mutating func hide(behind barriers: [Barrier]) throws(StoreError) {
    if barriers.isEmpty { return }
    let all = Barriers()
    try all.add(barriers, keepingAll: false)
    update { key, location in
      if location.isPut && all.hide(key, version: location.version) { location.isPut = false }
    }
  }
}
