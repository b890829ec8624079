internal import Cairn

/// Which keys concern a command.
package enum KeyFilter: Sendable {
  case all
  case prefix([UInt8])
  case key([UInt8])
}

/// What the log says is live: the dictionary that the store's index is another form of.
struct LiveEntries: LogVisitor {
  struct Location {
    let segment: UInt64
    let offset: Int
    let byteCount: Int
    /// Milliseconds since 1970; `nil`: never.
    let deadline: Int64?
  }

  let filter: KeyFilter
  private(set) var locations: [[UInt8]: Location] = [:]
  private var pending: [(key: [UInt8], location: Location?)] = []

  init(_ filter: KeyFilter) { self.filter = filter }

  private func matches(_ key: MemoryView) -> Bool {
    switch filter {
    case .all: return true
    case .prefix(let prefix):
      return key.count >= prefix.count && key.slice(0, prefix.count).isEqual(to: unsafe MemoryView(prefix.span.bytes))
    case .key(let wanted): return key.isEqual(to: unsafe MemoryView(wanted.span.bytes))
    }
  }

  mutating func add(_ record: LogRecord, segment: UInt64) {
    guard matches(record.key) else { return }
    var location: Location?
    if record.header.kind == RecordHeader.Kind.put {
      location = Location(
        segment: segment, offset: record.offset, byteCount: record.bytes.count, deadline: record.deadline)
    }
    pending.append((record.key.array(), location))
  }

  mutating func commit() {
    for (key, location) in pending { locations[key] = location }
    pending.removeAll(keepingCapacity: true)
  }

  mutating func drop() { pending.removeAll(keepingCapacity: true) }
}
