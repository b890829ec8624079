import BenchmarkSupport
import Cairn
import CairnIndex

class CairnPeer: Peer {
  class var name: String { "Cairn" }
  static let version = "this commit"
  static let durabilities: Set<Durability> = [.relaxed, .process, .disk]
  class var abilities: Abilities { [.batches, .many, .scan] }
  class var settings: String { "defaults; every read verifies the record's checksum" }
  class var views: [any StoreView] { [] }

  let store: Store
  private let isCompressed: Bool

  required init(_ options: PeerOptions) throws {
    let durability: Store.Durability =
      switch options.durability {
      case .relaxed: .relaxed
      case .process: .process
      case .disk: .disk
      }
    isCompressed = options.compression != .none
    var wanted = Store.Options(.createIfMissing, durability: durability)
    if options.compression != .none { wanted.compression = .zstd() }
    wanted.views = Self.views
    store = try Store.open(at: options.path, options: wanted)
  }

  func session() throws -> any Session { CairnSession(store) }

  /// As with a store that has been in use for a while: a dictionary was trained when all was there, and all has it.
  func settle() throws {
    if isCompressed {
      try store.trainDictionary()
      try store.recompress()
    }
    try store.sync()
  }

  func close() throws { try store.close() }
}

/// With its keys in order.
final class OrderedCairnPeer: CairnPeer {
  override class var name: String { "Cairn-ordered" }
  override class var abilities: Abilities { [.batches, .many, .scan, .order] }
  override class var settings: String { "OrderedKeys; otherwise as Cairn" }
  override class var views: [any StoreView] { [OrderedKeys()] }
}

private final class CairnSession: Session {
  let store: Store

  init(_ store: Store) { self.store = store }

  func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
    try store.copyValue(for: key, into: target)
  }

  func getMany(_ keys: Keys, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var found = 0
    try store.withValues(for: range.lazy.map { keys[$0] }) { _, value in
      guard let value else { return }
      value.withUnsafeBytes { target.copyMemory(from: $0) }
      found += 1
    }
    return found
  }

  func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws { try store.put(value, for: key) }

  func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
    try store.write { (batch) throws(StoreError) in
      for number in range { try batch.put(values.value(for: keys[number], version: version), for: keys[number]) }
    }
  }

  func remove(_ key: UnsafeRawBufferPointer) throws { _ = try store.remove(key) }

  func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    try store.forEach { entry in
      entry.value.withUnsafeBytes { target.copyMemory(from: $0) }
      count += 1
      return true
    }
    return count
  }

  func entries(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    try store.forEachEntry(in: .from(key), limit: limit) { _, value in
      value.withUnsafeBytes { target.copyMemory(from: $0) }
      count += 1
      return true
    }
    return count
  }

  func keys(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    try store.forEachKey(in: .from(key), limit: limit) { key in
      key.withUnsafeBytes { target.copyMemory(from: $0) }
      count += 1
      return true
    }
    return count
  }
}
