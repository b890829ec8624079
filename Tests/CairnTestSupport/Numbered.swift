public import Cairn

/// Batches that can be told from what they leave: number *n* is all that has happened up to it. For stores that are
/// looked at while somebody writes.
public struct Numbered: Sendable {
  public private(set) var number = 0
  public private(set) var entries: [[UInt8]: [UInt8]] = [:]
  private let keys: Int

  public init(keys: Int = 200) { self.keys = keys }

  private func key(_ number: Int) -> [UInt8] { Array("key-\(number % keys)".utf8) }

  /// The next batch, and what is there after it.
  public mutating func next(_ put: ([UInt8], [UInt8]) throws -> Void, remove: ([UInt8]) throws -> Void) rethrows {
    number += 1
    let value = SelfDescribing.value(number)
    for key in [Array("first".utf8), key(number), Array("last".utf8)] {
      entries[key] = key[0] == UInt8(ascii: "k") ? value : Array("\(number)".utf8)
      try put(key, entries[key]!)
    }
    if number % 5 == 0 {
      entries[key(number * 7 + 1)] = nil
      try remove(key(number * 7 + 1))
    }
  }

  public mutating func write(to store: Store, durability: Store.Durability? = nil) throws {
    var copy = self
    try store.write(durability: durability) { batch in
      try copy.next({ try batch.put($1, for: $0) }, remove: { try batch.remove($0) })
    }
    self = copy
  }

  /// Goes on to the batch that a store tells of. Returns whether all it holds is what that has left.
  public mutating func isContent(of store: Store) throws -> Bool {
    let found = try store.contents().mapValues(\.value)
    let last = found[Array("last".utf8)].flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    if last < number { return false }
    while number < last { next({ _, _ in }, remove: { _ in }) }
    return found == entries
  }
}
