extension Store {
  /// Looks up many keys at once, several times faster than one by one: the cache misses of 32 keys are waited for
  /// together.
  ///
  /// Calls `body` for each key, in order, with its position and its value in place, `nil` if it is not there. The span
  /// is valid until `body` returns. Each key is read as it is at some moment during the call; no allocation is made.
  ///
  /// - Throws: `.damaged` at the first key whose record fails its checksum; those before it have been passed on.
  public func withValues<Keys: Collection>(
    for keys: Keys, _ body: (_ position: Int, _ value: RawSpan?) -> Void
  ) throws(StoreError) where Keys.Element: ByteLending {
    var position = 0
    var next = keys.startIndex
    try withGroupBuffer { (buffer: MemoryView) throws(StoreError) in
      while next != keys.endIndex {
        var group = KeyGroup(buffer)
        var isLong = false
        // Keys are copied side by side: a small string lends its bytes only during a call.
        while next != keys.endIndex && !group.isFull {
          let isAdded = keys[next].withBytes { (key: RawSpan) in
            key.withView { (key: MemoryView) in group.add(key, engine.index) }
          }
          if !isAdded {
            isLong = group.count == 0
            break
          }
          next = keys.index(after: next)
        }
        if isLong {
          // A key that does not fit the buffer alone.
          try lookUp(keys[next], position, body)
          next = keys.index(after: next)
          position += 1
        } else {
          try lookUp(group, &position, body)
        }
      }
    }
  }

  /// The values of many keys, in their order; `nil` where there is none. Allocates an array for each.
  public func values<Keys: Collection>(for keys: Keys) throws(StoreError) -> [[UInt8]?]
  where Keys.Element: ByteLending {
    var values: [[UInt8]?] = []
    values.reserveCapacity(keys.count)
    try withValues(for: keys) { _, value in
      if let value { values.append(value.withView { $0.array() }) } else { values.append(nil) }
    }
    return values
  }

  // MARK: Inside

  private func lookUp(
    _ key: some ByteLending, _ position: Int, _ body: (Int, RawSpan?) -> Void
  ) throws(StoreError) {
    let isFound: Void? = try withValue(for: key) { body(position, $0) }
    if isFound == nil { body(position, nil) }
  }

  private func lookUp(
    _ group: KeyGroup, _ position: inout Int, _ body: (Int, RawSpan?) -> Void
  ) throws(StoreError) {
    let slot = Reclaimer.shared.enter()
    defer { slot.leave() }
    if !engine.alive.isSet { throw engine.deadError() }
    // The buckets were asked for when the keys were added; now they are here, and tell where the records are.
    for number in 0..<group.count { engine.index.prefetchRecord(hash: group.hash(number)) }
    for number in 0..<group.count {
      let found = try engine.find(group.key(number), hash: group.hash(number))
      if let found { found.value.lend { body(position, $0) } } else { body(position, nil) }
      position += 1
    }
  }

  private func withGroupBuffer(_ body: (MemoryView) throws(StoreError) -> Void) throws(StoreError) {
    try unsafe withUnsafeTemporaryAllocation(byteCount: KeyGroup.bufferBytes, alignment: 8) {
      (buffer) throws(StoreError) in
      try unsafe body(MemoryView(buffer))
    }
  }
}

/// Keys that are looked up together: in one buffer, on the stack, first their places and hashes, then their bytes.
private struct KeyGroup {
  static let keysMax = 32
  static let bufferBytes = keysMax * 16 + 4096

  private let buffer: MemoryView
  private(set) var count = 0
  private var used = keysMax * 16

  init(_ buffer: MemoryView) { self.buffer = buffer }

  var isFull: Bool { count == Self.keysMax }

  /// Adds a key and asks for its bucket. Returns whether there was room.
  mutating func add(_ key: MemoryView, _ index: HashIndex) -> Bool {
    guard used + key.count <= buffer.count else { return false }
    buffer.copy(key, at: used)
    let hash = index.hash(key)
    index.prefetchBucket(hash)
    buffer.store(hash, at: count * 16)
    buffer.store(UInt32(used), at: count * 16 + 8)
    buffer.store(UInt32(key.count), at: count * 16 + 12)
    used += key.count
    count += 1
    return true
  }

  func hash(_ number: Int) -> UInt64 { buffer.load(number * 16, as: UInt64.self) }

  func key(_ number: Int) -> MemoryView {
    buffer.slice(
      Int(buffer.load(number * 16 + 8, as: UInt32.self)), Int(buffer.load(number * 16 + 12, as: UInt32.self)))
  }
}
