/// Which document expires next: a heap with four branches of the documents that have a deadline, each of which knows
/// its place in it. So a deadline that is replaced leaves nothing behind. 16 bytes a document; none where no document
/// has ever had a deadline.
struct DeadlineHeap: ~Copyable {
  private var heap = Column<UInt32>()
  /// By document.
  private var places = Column<UInt32>()
  private var deadlines = Column<Int64>()

  private static let nowhere = UInt32.max
  private static let branches = 4

  var count: Int { heap.count }

  /// The document that expires next, and when.
  var first: (document: UInt32, deadline: Int64)? {
    heap.isEmpty ? nil : (heap[0], deadlines[heap[0]])
  }

  func deadline(_ document: UInt32) -> Int64? {
    Int(document) < places.count && places[document] != Self.nowhere ? deadlines[document] : nil
  }

  /// - Parameter deadline: `nil`: it has none any more.
  mutating func set(_ document: UInt32, _ deadline: Int64?) {
    let old = self.deadline(document)
    if old == deadline { return }
    guard let deadline else { return remove(document) }
    places.extend(to: document, with: Self.nowhere)
    deadlines.extend(to: document, with: 0)
    deadlines[document] = deadline
    if old == nil {
      places[document] = UInt32(heap.count)
      heap.append(document)
    }
    settle(Int(places[document]))
  }

  private mutating func remove(_ document: UInt32) {
    let place = Int(places[document])
    places[document] = Self.nowhere
    let last = heap[heap.count - 1]
    heap.truncate(to: heap.count - 1)
    if place == heap.count { return }
    heap[place] = last
    places[last] = UInt32(place)
    settle(place)
  }

  /// Moves the document at a place up or down, to where it belongs.
  private mutating func settle(_ start: Int) {
    let document = heap[start]
    let deadline = deadlines[document]
    var place = start
    while place > 0 {
      let parent = (place - 1) / Self.branches
      if deadlines[heap[parent]] <= deadline { break }
      put(heap[parent], at: place)
      place = parent
    }
    while true {
      var least = place * Self.branches + 1
      if least >= heap.count { break }
      for child in least..<min(least + Self.branches, heap.count) where deadlines[heap[child]] < deadlines[heap[least]]
      { least = child }
      if deadlines[heap[least]] >= deadline { break }
      put(heap[least], at: place)
      place = least
    }
    put(document, at: place)
  }

  private mutating func put(_ document: UInt32, at place: Int) {
    heap[place] = document
    places[document] = UInt32(place)
  }

  var memoryByteCount: Int { heap.memoryByteCount + places.memoryByteCount + deadlines.memoryByteCount }
}
