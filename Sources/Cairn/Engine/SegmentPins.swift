/// Segments that compaction has taken away and somebody still reads from: snapshots, and stores that are being frozen.
/// Their files have no name any more; their space comes back with the last pin that is older than their removal.
struct SegmentPins {
  /// Numbers of pins in the order in which they were set.
  private var next: UInt64 = 1
  private var active: Set<UInt64> = []
  /// With the first pin that was set after the removal.
  private var kept: [(before: UInt64, segment: GoneSegment)] = []

  mutating func add() -> UInt64 {
    defer { next += 1 }
    active.insert(next)
    return next
  }

  /// Returns the segments that nobody needs any more.
  mutating func remove(_ pin: UInt64) -> [GoneSegment] {
    active.remove(pin)
    let oldest = active.min() ?? .max
    let free = kept.filter { $0.before <= oldest }.map(\.segment)
    kept.removeAll { $0.before <= oldest }
    return free
  }

  /// Keeps a segment as long as there are pins that may need it. Returns whether there are.
  mutating func keep(_ segment: GoneSegment) -> Bool {
    if active.isEmpty { return false }
    kept.append((next, segment))
    return true
  }

  mutating func removeAll() -> [GoneSegment] {
    defer { kept.removeAll() }
    return kept.map(\.segment)
  }

  var count: Int { active.count }
  var slots: [Int] { kept.map(\.segment.slot) }
  var byteCount: Int { kept.reduce(0) { $0 + $1.segment.byteCount } }
}

/// What a segment that is gone had in memory: goes when no reader is in it any more.
final class GoneSegment: Sendable {
  let slot: Int
  private let memory: Mapping
  private let segments: SegmentTable
  private let dictionaries: DictionaryTable
  private let dictionary: ValueDictionary?
  private let salt: UInt64

  init(memory: Mapping, _ segments: SegmentTable, _ dictionaries: DictionaryTable, slot: Int, salt: UInt64) {
    self.memory = memory
    self.segments = segments
    self.dictionaries = dictionaries
    self.slot = slot
    self.salt = salt
    // Now, as the table leads to it: later it cannot be found any more.
    dictionary = try? dictionaries.last(slot, salt: salt, segments)
  }

  var byteCount: Int { memory.byteCount }

  /// Who began to read before the slot was cleared may have the memory still, and will ask for its dictionary.
  deinit {
    segments.clear(slot, salt: salt)
    Reclaimer.shared.retire(memory)
    if dictionary != nil {
      Reclaimer.shared.retire(GoneDictionary(dictionaries, slot: slot, salt: salt), isLarge: false)
    }
  }
}

/// Lets go of the dictionary of a segment that is gone.
private final class GoneDictionary: Sendable {
  private let dictionaries: DictionaryTable
  private let slot: Int
  private let salt: UInt64

  init(_ dictionaries: DictionaryTable, slot: Int, salt: UInt64) {
    self.dictionaries = dictionaries
    self.slot = slot
    self.salt = salt
  }

  deinit { dictionaries.clear(slot, salt: salt) }
}

extension Engine {
  /// From now on, whatever an entry of the index leads to can be read until the pin is removed.
  func addPin() -> UInt64 { pins.withLock { $0.add() } }

  func removePin(_ pin: UInt64) {
    for segment in pins.withLock({ $0.remove(pin) }) { Reclaimer.shared.retire(segment) }
  }
}
