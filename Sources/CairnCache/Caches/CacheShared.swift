/// What all who use a cache of a name share.
final class CacheShared: Sendable {
  let name: String
  let number: Int
  /// What its keys begin with in the store.
  let prefix: [UInt8]
  let options: CacheOptions
  let counters: CacheCounters
  let flights = Flights()
  let events: CacheEvents

  init(_ name: String, _ number: Int, _ options: CacheOptions) {
    (self.name, self.number, self.options) = (name, number, options)
    counters = CacheCounters()
    prefix = Array((name + ":").utf8)
    events = CacheEvents(prefix: prefix, counters)
  }
}
