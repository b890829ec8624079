internal import Cairn

/// Puts gathered into batches.
struct BatchWriter {
  let store: Store
  private var pending: [(key: [UInt8], value: [UInt8], codec: UInt8?, deadline: Int64?, attributes: Attributes)] = []
  private var keys: Set<[UInt8]> = []
  private var byteCount = 0

  private static let entriesMax = 1000
  private static let byteCountMax = 4 << 20

  init(_ store: Store) { self.store = store }

  /// Whether a put of the entry flushes first.
  func isFull(for key: [UInt8], _ value: [UInt8]) -> Bool {
    pending.count == Self.entriesMax || byteCount + key.count + value.count > Self.byteCountMax
  }

  /// The value is in the store after the next `flush` at the latest.
  ///
  /// - Parameter codec: how the value is stored already; `nil`: it is as the store may store it.
  mutating func put(
    _ value: [UInt8], codec: UInt8? = nil, for key: [UInt8], deadline: Int64?, attributes: Attributes
  ) throws(StoreError) {
    if isFull(for: key, value) { try flush() }
    pending.append((key, value, codec, deadline, attributes))
    keys.insert(key)
    byteCount += key.count + value.count
  }

  /// Whether a put of the key waits for `flush`.
  func isPending(_ key: [UInt8]) -> Bool { keys.contains(key) }

  mutating func flush() throws(StoreError) {
    guard !pending.isEmpty else { return }
    let entries = pending
    try store.write { (batch) throws(StoreError) in
      for entry in entries {
        let expires = entry.deadline.map { Store.Expiry.at(milliseconds: $0) } ?? .never
        if let codec = entry.codec {
          try batch.put(
            stored: entry.value, codec: codec, for: entry.key, attributes: entry.attributes, expires: expires)
        } else {
          try batch.put(entry.value, for: entry.key, attributes: entry.attributes, expires: expires)
        }
      }
    }
    pending.removeAll(keepingCapacity: true)
    keys.removeAll(keepingCapacity: true)
    byteCount = 0
  }
}
