extension FrozenStore {
  /// Looks up many keys at once, several times faster than one by one: the cache misses of 32 keys are waited for
  /// together.
  ///
  /// Calls `body` for each key, in order, with its position and its value in place, `nil` if it is not there. The span
  /// is valid until `body` returns. No allocation is made.
  ///
  /// - Throws: `.damaged` at the first key whose record fails its checksum; those before it have been passed on.
  @inlinable
  public func withValues<Keys: Collection>(
    for keys: Keys, _ body: (_ position: Int, _ value: RawSpan?) -> Void
  ) throws(StoreError) where Keys.Element: ByteLending {
    try _withKeyGroup { (group: inout _FrozenKeyGroup) throws(StoreError) in
      for key in keys {
        // Keys are copied side by side: a small string lends its bytes only during a call.
        try key.withBytes { (bytes: RawSpan) throws(StoreError) in
          if !group.add(bytes, self) {
            try _lookUp(&group, body)
            if !group.add(bytes, self) { try _lookUpAlone(bytes, &group, body) }
          }
        }
      }
      try _lookUp(&group, body)
    }
  }

  /// The values of many keys, in their order; `nil` where there is none. Allocates an array for each.
  @inlinable
  public func values<Keys: Collection>(for keys: Keys) throws(StoreError) -> [[UInt8]?]
  where Keys.Element: ByteLending {
    var values: [[UInt8]?] = []
    values.reserveCapacity(keys.count)
    try withValues(for: keys) { _, value in
      if let value { values.append(unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }) } else { values.append(nil) }
    }
    return values
  }

  // MARK: Inside

  @usableFromInline
  func _withKeyGroup(_ body: (inout _FrozenKeyGroup) throws(StoreError) -> Void) throws(StoreError) {
    try unsafe withUnsafeTemporaryAllocation(byteCount: _FrozenKeyGroup.bufferBytes, alignment: 8) {
      (buffer) throws(StoreError) in
      var group = unsafe _FrozenKeyGroup(MemoryView(buffer))
      try body(&group)
    }
  }

  /// A key that does not fit the buffer.
  @usableFromInline
  func _lookUpAlone(
    _ key: RawSpan, _ group: inout _FrozenKeyGroup, _ body: (Int, RawSpan?) -> Void
  ) throws(StoreError) {
    let position = group.position
    group.position += 1
    let isFound: Void? = try withValue(for: key) { body(position, $0) }
    if isFound == nil { body(position, nil) }
  }

  /// Looks up the keys of the group, which is empty then.
  @usableFromInline
  func _lookUp(_ group: inout _FrozenKeyGroup, _ body: (Int, RawSpan?) -> Void) throws(StoreError) {
    // The buckets were asked for when the keys were added; now they are here, and tell where the records are.
    for number in 0..<group.count { prefetchRecord(group.hash(number)) }
    for number in 0..<group.count {
      let position = group.position + number
      if let found = try find(group.key(number), hash: group.hash(number)) {
        try withValue(of: found) { (value) throws(StoreError) in value.lend { body(position, $0) } }
      } else {
        body(position, nil)
      }
    }
    group.position += group.count
    group.clear()
  }
}

/// Keys that are looked up together: in one buffer, on the stack, first their places and hashes, then their bytes.
public struct _FrozenKeyGroup {
  static let keysMax = 32
  static let bufferBytes = keysMax * 16 + 4096

  private let buffer: MemoryView
  private(set) var count = 0
  private var used = keysMax * 16
  /// Of the first key among all that are looked up.
  var position = 0

  init(_ buffer: MemoryView) { self.buffer = buffer }

  mutating func clear() {
    count = 0
    used = Self.keysMax * 16
  }

  /// Adds a key and asks for its bucket. Returns whether there was room.
  @usableFromInline
  mutating func add(_ key: RawSpan, _ store: FrozenStore) -> Bool {
    let key = MemoryView(key)
    guard count < Self.keysMax, key.count <= buffer.count - used else { return false }
    buffer.copy(key, at: used)
    let hash = store.hash(key)
    store.prefetchBucket(hash)
    buffer.store(hash, at: count * 16)
    buffer.store(UInt64(used) << 32 | UInt64(key.count), at: count * 16 + 8)
    used += key.count
    count += 1
    return true
  }

  @inline(__always)
  func hash(_ number: Int) -> UInt64 { buffer.load(number * 16, as: UInt64.self) }

  @inline(__always)
  func key(_ number: Int) -> MemoryView {
    let place = buffer.load(number * 16 + 8, as: UInt64.self)
    return buffer.slice(Int(truncatingIfNeeded: place >> 32), Int(truncatingIfNeeded: place & 0xFFFF_FFFF))
  }
}
