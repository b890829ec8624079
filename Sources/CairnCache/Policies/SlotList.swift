/// Doubly linked lists of slots, which share one array of links: each slot is in one list at most. Eight bytes a slot.
struct SlotLinks {
  private struct Link {
    /// Towards the newest.
    var newer = SlotList.none
    /// Towards the oldest.
    var older = SlotList.none
  }

  private var links: [Link] = []
  /// Of no use but that what ``touch(_:)`` reads is read.
  private var touched: UInt32 = 0

  func newer(_ slot: UInt32) -> UInt32 { links[Int(slot)].newer }
  func older(_ slot: UInt32) -> UInt32 { links[Int(slot)].older }

  /// Reads what is needed to move slots, in passes that wait for many places in memory at the same time.
  mutating func touch(_ slots: [Int]) {
    for slot in slots where slot < links.count { touched &+= links[slot].newer }
    for slot in slots where slot < links.count {
      let link = links[slot]
      if link.newer != SlotList.none { touched &+= links[Int(link.newer)].older }
      if link.older != SlotList.none { touched &+= links[Int(link.older)].newer }
    }
  }

  /// As the newest of a list.
  mutating func add(_ slot: UInt32, to list: inout SlotList, weight: Int = 1) {
    while links.count <= Int(slot) { links.append(Link()) }
    links[Int(slot)] = Link(older: list.newest)
    if list.newest == SlotList.none { list.oldest = slot } else { links[Int(list.newest)].newer = slot }
    list.newest = slot
    list.count += 1
    list.weight += weight
  }

  mutating func remove(_ slot: UInt32, from list: inout SlotList, weight: Int = 1) {
    let link = links[Int(slot)]
    if link.newer == SlotList.none { list.newest = link.older } else { links[Int(link.newer)].older = link.older }
    if link.older == SlotList.none { list.oldest = link.newer } else { links[Int(link.older)].newer = link.newer }
    list.count -= 1
    list.weight -= weight
  }

  /// Returns the slot; `nil`: the list is empty. Of weights of 1.
  mutating func removeOldest(from list: inout SlotList) -> Int? {
    let slot = list.oldest
    if slot == SlotList.none { return nil }
    remove(slot, from: &list)
    return Int(slot)
  }

  /// The oldest first.
  ///
  /// - Parameters:
  ///   - start: from this one on; none: from the oldest.
  ///   - end: the one behind the last.
  func forEach(
    in list: SlotList, from start: UInt32 = SlotList.none, upTo end: UInt32 = SlotList.none, _ body: (Int) -> Void
  ) {
    var slot = start == SlotList.none ? list.oldest : start
    while slot != SlotList.none && slot != end {
      body(Int(slot))
      slot = newer(slot)
    }
  }
}

/// One of the lists in ``SlotLinks``.
struct SlotList {
  /// In place of a slot.
  static let none = UInt32.max

  fileprivate(set) var newest = none
  fileprivate(set) var oldest = none
  fileprivate(set) var count = 0
  /// Of all in it.
  fileprivate(set) var weight = 0
}

extension Array {
  /// Sets the element of a slot; those of slots before it that nothing was set for are `filler`.
  mutating func set(_ slot: UInt32, _ element: Element, filler: Element) {
    while count <= Int(slot) { append(filler) }
    self[Int(slot)] = element
  }
}
