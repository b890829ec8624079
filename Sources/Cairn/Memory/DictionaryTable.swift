/// The dictionaries of segments by their slots: prepared when first asked for, one for all segments that have the same
/// one, and read without a lock.
///
/// A store has few. Of one that has been made to have very many, all are let go of now and then.
final class DictionaryTable: Sendable {
  private struct Held {
    let salt: UInt64
    let dictionary: ValueDictionary
    /// The segment is gone, and readers may be left in it.
    var isLast = false
  }

  private final class Known {
    weak var dictionary: ValueDictionary?

    init(_ dictionary: ValueDictionary) { self.dictionary = dictionary }
  }

  private struct State {
    var held: [Int: Held] = [:]
    /// By a hash of what is stored of them.
    var known: [UInt64: Known] = [:]
    var lastNumber = 0
    /// Segments, by their slots, with a record that zstd does not take: so much is not tried again at each read.
    var unusable: [Int: UInt64] = [:]

    /// Of those that may be let go of. What waits for its readers is not counted, or all others would go at each read.
    var distinct: Int {
      Set(held.values.lazy.filter { !$0.isLast }.map { ObjectIdentifier($0.dictionary) }).count
    }
  }

  /// A ``BorrowedDictionary`` for each slot; 0 where nobody has asked yet.
  private let words: AtomicWords
  /// Of those in memory; what is let go of stays until its readers are gone. As a rule each takes less than 1 MiB.
  private static let countMax = 64
  /// Nothing is retired under it: what is reclaimed then may come here as well.
  private let state = Locked(State())

  init() throws(StoreError) { words = try AtomicWords(count: Store.Limits.segments + 1) }

  /// The dictionary of the segment in a slot, if it has one that can be used. Under a read guard, as long as that.
  @inline(__always)
  func prepared(_ slot: Int, _ segments: SegmentTable) throws(StoreError) -> BorrowedDictionary? {
    if let known = BorrowedDictionary(word: words.load(slot)) { return known }
    return try load(slot, segments)?.prepared
  }

  /// The same to keep.
  func dictionary(_ slot: Int, _ segments: SegmentTable) throws(StoreError) -> ValueDictionary? {
    if let known = state.withLock({ $0.held[slot]?.dictionary }) { return known }
    return try load(slot, segments)
  }

  @inline(never)
  private func load(_ slot: Int, _ segments: SegmentTable) throws(StoreError) -> ValueDictionary? {
    let (memory, salt) = segments.memory(slot)
    // Not remembered where there is none: then a record is damaged, or was never ours, and is rarely asked for.
    guard let (value, codec) = DictionaryRecord.stored(in: memory, salt: salt) else { return nil }
    let (found, old) = try state.withLock { (state) throws(StoreError) -> (ValueDictionary?, [ValueDictionary]) in
      if let held = state.held[slot], held.salt == salt { return (held.dictionary, []) }
      if state.unusable[slot] == salt { return (nil, []) }
      guard let made = try Self.make(value, codec, &state) else {
        state.unusable[slot] = salt
        return (nil, [])
      }
      let others = state.known.count > Self.countMax && state.distinct >= Self.countMax ? letGo(&state) : []
      return (made, others + [hold(made, slot, salt, &state)].compactMap { $0 })
    }
    for dictionary in old { retire(dictionary) }
    return found
  }

  /// Of all, until somebody asks for them again; but those that could not be found again.
  private func letGo(_ state: inout State) -> [ValueDictionary] {
    let slots = state.held.filter { !$0.value.isLast }.keys
    for slot in slots { words.store(0, at: slot) }
    return slots.compactMap { state.held.removeValue(forKey: $0)?.dictionary }
  }

  /// That of a segment which will not be found any more; kept until it is cleared.
  func last(_ slot: Int, salt: UInt64, _ segments: SegmentTable) throws(StoreError) -> ValueDictionary? {
    guard let found = try dictionary(slot, segments) else { return nil }
    return state.withLock { state in
      if state.held[slot] == nil { _ = hold(found, slot, salt, &state) }
      if state.held[slot]?.salt == salt { state.held[slot]?.isLast = true }
      return found
    }
  }

  /// Readers may still be in it.
  private func retire(_ dictionary: ValueDictionary?) {
    if let dictionary { Reclaimer.shared.retire(dictionary, isLarge: false) }
  }

  /// A dictionary that has just been trained; `nil` if zstd does not take it for one.
  func make(of bytes: [UInt8], with codec: ValueCodec) throws(StoreError) -> ValueDictionary? {
    try bytes.withBytes { (bytes: RawSpan) throws(StoreError) in
      try codec.withCompressed(MemoryView(bytes), level: Self.level) { (frame) throws(StoreError) in
        try make(
          frame ?? MemoryView(bytes), codec: frame == nil ? RecordHeader.Codec.none : RecordHeader.Codec.zstd)
      }
    }
  }

  /// Compressed once, and written with every segment.
  private static let level: Int32 = 19

  /// The dictionary of which that is stored, which may be in use already; `nil` if it is none.
  func make(_ stored: MemoryView, codec: UInt8) throws(StoreError) -> ValueDictionary? {
    try state.withLock { (state) throws(StoreError) in try Self.make(stored, codec, &state) }
  }

  private static func make(
    _ stored: MemoryView, _ codec: UInt8, _ state: inout State
  ) throws(StoreError) -> ValueDictionary? {
    let hash = stored.hash(seed: UInt64(codec))
    if let known = state.known[hash]?.dictionary, known.isStored(as: stored, codec: codec) { return known }
    guard let made = try ValueDictionary(stored: stored, codec: codec, number: state.lastNumber + 1) else { return nil }
    state.lastNumber += 1
    state.known = state.known.filter { $0.value.dictionary != nil }
    state.known[hash] = Known(made)
    return made
  }

  /// Returns that of the slot's segment before.
  private func hold(
    _ dictionary: ValueDictionary, _ slot: Int, _ salt: UInt64, _ state: inout State
  ) -> ValueDictionary? {
    let old = state.held.updateValue(Held(salt: salt, dictionary: dictionary), forKey: slot)
    words.store(dictionary.prepared.word, at: slot)
    return old?.dictionary
  }

  /// For a segment that is new in its slot, before anybody reads of it; `nil`: it has none, or nobody has looked yet.
  func set(_ slot: Int, salt: UInt64, _ dictionary: ValueDictionary?) {
    let old = state.withLock { state in
      state.unusable[slot] = nil
      if let dictionary { return hold(dictionary, slot, salt, &state) }
      words.store(0, at: slot)
      return state.held.removeValue(forKey: slot)?.dictionary
    }
    retire(old)
  }

  /// When no reader is left in the segment, if the slot is still that segment's.
  func clear(_ slot: Int, salt: UInt64) {
    let old = state.withLock { state -> ValueDictionary? in
      if state.unusable[slot] == salt { state.unusable[slot] = nil }
      guard let held = state.held[slot], held.salt == salt else { return nil }
      words.store(0, at: slot)
      state.held[slot] = nil
      return held.dictionary
    }
    // What is in the slot next may be asked for the word already.
    retire(old)
  }

  /// Dictionaries in memory.
  var count: Int { state.withLock { state in state.known.values.count { $0.dictionary != nil } } }

  /// Of a store that is closed, when its readers are gone.
  func releaseAll() {
    // Readers that began before the close still go by the words.
    let held = state.withLock { state in
      defer { state.held.removeAll() }
      return Array(state.held.values)
    }
    for held in held { retire(held.dictionary) }
  }
}
