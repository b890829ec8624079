package import CairnCache

/// What a cache would have to fetch that gives up entries by a policy: of each request, what is not there is put.
package struct Simulation: Sendable {
  package internal(set) var misses = 0
  package internal(set) var missedBytes = 0
  package let requests: Int

  package var hitPercentage: Double { 100 * Double(requests - misses) / Double(max(requests, 1)) }

  init(requests: Int) { self.requests = requests }

  mutating func miss(_ request: Trace.Request) {
    misses += 1
    missedBytes += request.byteCount
  }

  package init(_ requests: [Trace.Request], _ policy: some EvictionPolicy, capacity: Int) {
    self.init(requests: requests.count)
    var policy = policy
    policy.resize(to: capacity)
    var slots: [UInt64: Int] = [:]
    var entries: [Trace.Request] = []
    var free: [Int] = []
    var used = 0
    for request in requests {
      if let slot = slots[request.key] {
        policy.access(slot)
        continue
      }
      miss(request)
      guard request.byteCount <= capacity, policy.admit(hash: request.key, weight: request.byteCount) else { continue }
      while used + request.byteCount > capacity {
        guard let slot = policy.evict() else { preconditionFailure("what is full has something to give up") }
        used -= entries[slot].byteCount
        slots[entries[slot].key] = nil
        free.append(slot)
      }
      let slot = free.popLast() ?? entries.count
      if slot == entries.count { entries.append(request) } else { entries[slot] = request }
      slots[request.key] = slot
      used += request.byteCount
      policy.insert(CachedEntry(slot: slot, hash: request.key, weight: request.byteCount, cost: 1e6))
    }
  }
}
