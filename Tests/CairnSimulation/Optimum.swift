extension Simulation {
  /// Nobody can do better who knows all that will be asked for and makes room for each request, where all entries weigh
  /// the same: what is needed again last goes first. Belady, *A Study of Replacement Algorithms for a Virtual-Storage
  /// Computer*, 1966.
  ///
  /// Where weights differ the best is too hard to compute. This goes by the next use alone then, as libCacheSim does,
  /// with whose counts it agrees. Who turns requests away may be better by a little: room is made also for what is
  /// never needed again, because all policies here do so.
  package init(_ requests: [Trace.Request], optimumOf capacity: Int) {
    self.init(requests: requests.count)
    let next = Self.nextUses(requests)
    // What is there and will be needed again, by the position of the request that needs it.
    var cached = Positions(count: requests.count)
    var weights = [Int](repeating: 0, count: requests.count)
    var used = 0
    for (position, request) in requests.enumerated() {
      var weight = request.byteCount
      if cached.remove(position) {
        weight = weights[position]
        used -= weight
      } else {
        miss(request)
        if weight > capacity { continue }
        while used + weight > capacity, let last = cached.last {
          cached.remove(last)
          used -= weights[last]
        }
      }
      guard let next = next[position] else { continue }
      cached.insert(next)
      weights[next] = weight
      used += weight
    }
  }

  /// By position, that of the next request for the same key; `nil`: there is none.
  private static func nextUses(_ requests: [Trace.Request]) -> [Int?] {
    var next = [Int?](repeating: nil, count: requests.count)
    var positions: [UInt64: Int] = [:]
    for position in requests.indices.reversed() {
      next[position] = positions.updateValue(position, forKey: requests[position].key)
    }
    return next
  }
}

/// A set of small numbers that finds its largest: a bit for each, and above that a bit for each word that has some.
private struct Positions {
  private var levels: [[UInt64]] = []

  init(count: Int) {
    var words = count
    repeat {
      words = (words + 63) / 64
      levels.append([UInt64](repeating: 0, count: max(words, 1)))
    } while words > 1
  }

  var last: Int? {
    var place = 0
    for level in levels.reversed() {
      if level[place] == 0 { return nil }
      place = place << 6 | (63 - level[place].leadingZeroBitCount)
    }
    return place
  }

  mutating func insert(_ position: Int) {
    var place = position
    for level in levels.indices {
      levels[level][place >> 6] |= 1 << UInt64(place & 63)
      place >>= 6
    }
  }

  /// Returns whether it was there.
  @discardableResult mutating func remove(_ position: Int) -> Bool {
    if levels[0][position >> 6] >> UInt64(position & 63) & 1 == 0 { return false }
    var place = position
    for level in levels.indices {
      levels[level][place >> 6] &= ~(1 << UInt64(place & 63))
      if levels[level][place >> 6] != 0 { break }
      place >>= 6
    }
    return true
  }
}
