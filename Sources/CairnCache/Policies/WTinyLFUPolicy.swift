/// W-TinyLFU: what is new has a small window; what leaves it stays only if it has been asked for more often than what
/// would have to go for it, as a sketch of frequencies tells. How large the window is follows the hit ratio. Einziger,
/// Friedman, Manes, *TinyLFU*, 2017; Einziger, Eytan, Friedman, Manes, *Adaptive Software Cache Management*, 2018.
///
/// The one to take where nobody knows what will be asked for: on public traces it has 78 % of the hits that could be
/// had, LRU 55 %. Bad where what is read again is read again soon and then never more, and where all that is read
/// changes often: the window grows slowly then, if at all (7 % of requests hit on `corda` with 64 entries, where LRU
/// has 33 %). `make hitratios` prints the whole table.
///
/// Some 45 bytes an entry. Now and then a call takes longer:
/// the sketch is halved after ten times as many requests as there are entries, and made anew where they become twice as
/// many (a pass over 8 to 16 bytes an entry); and up to 1,000 entries move where the window changes its size.
public struct WTinyLFUPolicy: EvictionPolicy {
  private enum Region: UInt8 {
    case window
    /// Has left the window, and has not been compared yet.
    case candidate
    case probation
    case protected
  }

  private struct Entry {
    var hash: UInt64 = 0
    var weight = 0
    var region = Region.window
  }

  private static let windowShare = 0.01
  private static let protectedShare = 0.8
  /// Who makes keys collide on purpose must not keep others out: what has been asked for so often gets in all the same,
  /// once in so many times.
  private static let (luckyFrequency, luckyChance) = (6, UInt64(128))

  private var links = SlotLinks()
  private var (window, probation, protected) = (SlotList(), SlotList(), SlotList())
  private var entries: [Entry] = []
  private var sketch = FrequencySketch()
  /// The newest of the candidates that have not been compared.
  private var candidate = SlotList.none
  private var (capacity, windowMax, protectedMax) = (1, 1, 0)
  private var climber = HillClimber()
  /// Room has been made since the last one came: for who leaves the window there is somebody to be compared with.
  private var isEvicting = false
  private var random: UInt64 = 0x9E37_79B9_7F4A_7C15

  public init() {}

  public mutating func resize(to capacity: Int) {
    self.capacity = max(1, capacity)
    windowMax = max(1, Int(Double(capacity) * Self.windowShare))
    protectedMax = Int(Double(self.capacity - windowMax) * Self.protectedShare)
    climber = HillClimber(capacity: self.capacity)
  }

  public mutating func admit(hash: UInt64, weight: Int) -> Bool {
    sketch.ensure(entries: count + 1)
    sketch.add(hash)
    climber.misses += 1
    return true
  }

  public mutating func insert(_ entry: CachedEntry) {
    let slot = UInt32(entry.slot)
    entries.set(slot, Entry(hash: entry.hash, weight: entry.weight), filler: Entry())
    links.add(slot, to: &window, weight: entry.weight)
    if isEvicting { climb() }
    shrinkWindow()
    isEvicting = false
  }

  public mutating func access(_ slot: Int) {
    sketch.add(entries[slot].hash)
    move(accessed: UInt32(slot))
  }

  public mutating func access(_ slots: [Int]) {
    sketch.add(all: slots.map { entries[$0].hash })
    links.touch(slots)
    for slot in slots { move(accessed: UInt32(slot)) }
  }

  private mutating func move(accessed slot: UInt32) {
    climber.hits += 1
    switch entries[Int(slot)].region {
    case .window: move(slot, to: .window)
    case .candidate, .probation, .protected:
      move(slot, to: entries[Int(slot)].weight > protectedMax ? .probation : .protected)
    }
    shrinkProtected()
  }

  /// The oldest of the protected has to be read once more.
  private mutating func shrinkProtected() {
    var moved = 0
    while protected.weight > protectedMax && protected.count > 0 && moved < Self.movedMax {
      move(protected.oldest, to: .probation)
      moved += 1
    }
  }

  public mutating func remove(_ slot: Int) { unlink(UInt32(slot)) }

  public mutating func evict() -> Int? {
    guard let slot = chosen() else { return nil }
    isEvicting = true
    unlink(slot)
    return Int(slot)
  }

  private mutating func chosen() -> UInt32? {
    let victim = probation.oldest
    if victim == SlotList.none {
      let other = window.count > 0 ? window.oldest : protected.oldest
      return other == SlotList.none ? nil : other
    }
    guard candidate != SlotList.none, candidate != victim else { return victim }
    let compared = candidate
    pass(compared)
    entries[Int(compared)].region = .probation
    return isBetter(compared, than: victim) ? victim : compared
  }

  private mutating func isBetter(_ candidate: UInt32, than victim: UInt32) -> Bool {
    let frequency = sketch.frequency(entries[Int(candidate)].hash)
    if frequency > sketch.frequency(entries[Int(victim)].hash) { return true }
    if frequency < Self.luckyFrequency { return false }
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return random % Self.luckyChance == 0
  }

  // MARK: Regions

  private var count: Int { window.count + probation.count + protected.count }

  /// The next candidate is the one before it. Others further on stay where they are: they have been lucky.
  private mutating func pass(_ slot: UInt32) {
    guard candidate == slot else { return }
    candidate = links.older(slot)
    if candidate != SlotList.none && entries[Int(candidate)].region != .candidate { candidate = SlotList.none }
  }

  private mutating func unlink(_ slot: UInt32) {
    let entry = entries[Int(slot)]
    switch entry.region {
    case .window: links.remove(slot, from: &window, weight: entry.weight)
    case .candidate, .probation:
      pass(slot)
      links.remove(slot, from: &probation, weight: entry.weight)
    case .protected: links.remove(slot, from: &protected, weight: entry.weight)
    }
  }

  private mutating func move(_ slot: UInt32, to region: Region) {
    unlink(slot)
    entries[Int(slot)].region = region
    let weight = entries[Int(slot)].weight
    switch region {
    case .window: links.add(slot, to: &window, weight: weight)
    case .candidate, .probation: links.add(slot, to: &probation, weight: weight)
    case .protected: links.add(slot, to: &protected, weight: weight)
    }
  }

  private mutating func shrinkWindow() {
    // Who has not been compared until now has been lucky.
    candidate = SlotList.none
    var moved = 0
    while window.weight > windowMax && window.count > 1 && moved < Self.movedMax {
      let slot = window.oldest
      move(slot, to: isEvicting ? .candidate : .probation)
      if isEvicting { candidate = slot }
      moved += 1
    }
  }

  /// Where enough has been asked for, the window becomes larger or smaller.
  private mutating func climb() {
    guard let step = climber.step(entries: count) else { return }
    if step > 0 {
      let step = min(step, protectedMax)
      windowMax += step
      protectedMax -= step
      shrinkProtected()
      // From those that go next into the window, to be read once more.
      var moved = 0
      while moved < Self.movedMax, probation.count > 0,
        window.weight + entries[Int(probation.oldest)].weight <= windowMax
      {
        move(probation.oldest, to: .window)
        moved += 1
      }
    } else {
      let step = min(-step, windowMax - 1)
      windowMax -= step
      protectedMax += step
    }
  }

  /// At once.
  private static let movedMax = 1000

  public func forEach(_ body: (Int) -> Void) {
    links.forEach(in: probation, body)
    links.forEach(in: window, body)
    links.forEach(in: protected, body)
  }
}

extension EvictionPolicy where Self == WTinyLFUPolicy {
  public static var wTinyLFU: WTinyLFUPolicy { WTinyLFUPolicy() }
}

/// Goes on in one direction as long as the hit ratio rises, else back, in steps that become smaller; begins anew where
/// the ratio changes much.
private struct HillClimber {
  private static let stepShare = 0.0625
  private static let decay = 0.98
  private static let restart = 0.05
  private static let sampleFactor = 10

  var (hits, misses) = (0, 0)
  private var ratio = 0.0
  private var stepSize = 0.0
  private var capacity = 1

  init(capacity: Int = 1) {
    self.capacity = capacity
    stepSize = -Self.stepShare * Double(capacity)
  }

  /// By how much the window is to change.
  mutating func step(entries: Int) -> Int? {
    let sample = hits + misses
    if sample < Self.sampleFactor * max(entries, 1) { return nil }
    let ratio = Double(hits) / Double(sample)
    let change = ratio - self.ratio
    let amount = change >= 0 ? stepSize : -stepSize
    let next =
      abs(change) >= Self.restart ? Self.stepShare * Double(capacity) * (amount >= 0 ? 1 : -1) : Self.decay * amount
    (self.ratio, stepSize, hits, misses) = (ratio, next, 0, 0)
    // Small rooms change by one at least.
    return abs(amount) < 1 ? (amount < 0 ? -1 : 1) : Int(amount)
  }
}
