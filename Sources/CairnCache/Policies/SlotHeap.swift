/// Slots by rank, the least first: a heap with four branches that knows where each slot is. 24 bytes a slot.
struct SlotHeap {
  /// What is least goes first; of the same rank, what came first.
  struct Rank {
    var value = 0.0
    var order: UInt64 = 0

    static func < (a: Rank, b: Rank) -> Bool { a.value < b.value || a.value == b.value && a.order < b.order }
  }

  private var heap: [UInt32] = []
  /// By slot, of those that are in the heap.
  private var places: [UInt32] = []
  private var ranks: [Rank] = []
  /// Of the next one that comes.
  private var order: UInt64 = 0

  private static let branches = 4

  func value(_ slot: UInt32) -> Double { ranks[Int(slot)].value }

  /// Puts a slot behind all others of a rank.
  ///
  /// - Parameter isThere: it is in the heap already, at another rank.
  mutating func set(_ slot: UInt32, _ value: Double, isThere: Bool) {
    ranks.set(slot, Rank(value: value, order: order), filler: Rank())
    order += 1
    if !isThere {
      places.set(slot, UInt32(heap.count), filler: 0)
      heap.append(slot)
    }
    settle(Int(places[Int(slot)]))
  }

  /// The least.
  var first: UInt32? { heap.first }

  mutating func removeFirst() -> Int? {
    guard let first = heap.first else { return nil }
    remove(first)
    return Int(first)
  }

  mutating func remove(_ slot: UInt32) {
    let place = Int(places[Int(slot)])
    let last = heap.removeLast()
    if place == heap.count { return }
    heap[place] = last
    places[Int(last)] = UInt32(place)
    settle(place)
  }

  /// Moves the slot at a place up or down, to where it belongs.
  private mutating func settle(_ start: Int) {
    let slot = heap[start]
    let rank = ranks[Int(slot)]
    var place = start
    while place > 0 {
      let parent = (place - 1) / Self.branches
      if !(rank < ranks[Int(heap[parent])]) { break }
      put(heap[parent], at: place)
      place = parent
    }
    while true {
      var least = place * Self.branches + 1
      if least >= heap.count { break }
      for child in least..<min(least + Self.branches, heap.count)
      where ranks[Int(heap[child])] < ranks[Int(heap[least])] { least = child }
      if !(ranks[Int(heap[least])] < rank) { break }
      put(heap[least], at: place)
      place = least
    }
    put(slot, at: place)
  }

  private mutating func put(_ slot: UInt32, at place: Int) {
    heap[place] = slot
    places[Int(slot)] = UInt32(place)
  }

  /// The least first.
  func forEach(_ body: (Int) -> Void) {
    for slot in heap.sorted(by: { ranks[Int($0)] < ranks[Int($1)] }) { body(Int(slot)) }
  }
}
