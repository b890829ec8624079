import CairnCache

/// What a cache would have to fetch that gives up entries by a policy: of each request, what is not there is put.
struct Simulation {
  private(set) var misses = 0
  private(set) var missedBytes = 0
  private(set) var requests = 0

  var hitPercentage: Double { 100 * Double(requests - misses) / Double(requests) }

  init(_ trace: [Trace.Request], _ policy: some EvictionPolicy, capacity: Int) {
    var policy = policy
    policy.resize(to: capacity)
    var slots: [UInt64: Int] = [:]
    var entries: [Trace.Request] = []
    var free: [Int] = []
    var used = 0
    requests = trace.count
    for request in trace {
      if let slot = slots[request.key] {
        policy.access(slot)
        continue
      }
      misses += 1
      missedBytes += request.byteCount
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
