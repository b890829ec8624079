public import Cairn

/// From one session to the next: a file with the tree (``KeyTree``), and the changes since.
extension OrderedKeys {
  private static let leavesAtOnce = 64

  /// Writes the keys to a file of the store, so that the next session does not read all entries for them. That is done
  /// beside the store's own checkpoints, and when it is closed, if there is much to be written.
  ///
  /// - Throws: as ``ViewFiles/save(_:version:_:)``; `.notReady`; `.closed` if it has no store.
  public func keep() throws(StoreError) {
    guard let store else { throw StoreError(.closed, "the keys are those of no open store") }
    try keep(in: store.viewFiles)
  }

  /// - Parameter meanwhile: what happens before each part of it, for tests.
  package func keep(in files: ViewFiles, meanwhile: () throws(StoreError) -> Void = {}) throws(StoreError) {
    let begun = try state.withLock { (state) throws(StoreError) in
      try state.checkReady()
      return state.making.begun
    }
    var writer = KeyTree.Writer()
    let sequence = try files.save(fileName, version: KeyTree.version) { (output) throws(StoreError) in
      while true {
        try meanwhile()
        // Writers go on meanwhile: what they change behind here is in the file or not, and in the changes in any case.
        let last = writer.last
        let copies = try state.withLock { (state) throws(StoreError) in
          let copies = state.tree.copies(behind: last, atMost: Self.leavesAtOnce)
          // What is being made anew, or has to be, is not whole.
          try state.checkReady()
          if state.making.begun != begun { throw StoreError(.notReady, "the keys have been read anew meanwhile") }
          return copies
        }
        for copy in copies { try writer.add(copy, to: &output) }
        if copies.count < Self.leavesAtOnce { break }
      }
      let dropped = state.withLock { $0.dropped }
      try writer.finish(&output, dropped: dropped, prefixes: prefixes)
    }
    state.withLock { $0.savedSequence = max($0.savedSequence ?? 0, sequence) }
  }

  /// Returns how many changes are missing; `nil`: there is no such file.
  func load(from store: Store) -> Int? {
    // Set back, the clock lets entries live again that are not in the file.
    guard let content = try? store.viewFiles.load(fileName, version: KeyTree.version),
      let dropped = KeyTree.dropped(content, prefixes: prefixes), dropped <= store.now, let tree = KeyTree(content)
    else { return nil }
    state.lock()
    state.value.tree = tree
    state.value.dropped = dropped
    (state.value.sequence, state.value.savedSequence) = (content.sequence, content.sequence)
    let missed = store.lastSequence - content.sequence
    state.value.making.beginWithFile(isWhole: missed == 0)
    state.unlock()
    return Int(missed)
  }

  /// Makes what the file has not, in order, up to where commits have told of everything.
  func catchUp(_ store: Store) throws(StoreError) {
    var changes = try store.changes(since: state.withLock { $0.savedSequence ?? 0 })
    var isAtEnd = false
    while !isAtEnd {
      var some: [Change] = []
      while some.count < Self.changesAtOnce, let change = try changes.next() { some.append(change) }
      isAtEnd = some.count < Self.changesAtOnce
      state.withLock { state in
        for change in some {
          switch change.kind {
          case .put where !state.keeps(change.key): break
          case .put where state.making.isMissing(change.key):
            change.key.withBytes { _ = state.tree.insert($0, deadline: change.deadline ?? .max) }
          case .remove where state.making.isMissing(change.key):
            change.key.withBytes { _ = state.tree.remove($0) }
          case .invalidate: state.invalidate(change.key)
          case .put, .remove: break
          }
        }
        state.sequence = max(state.sequence, changes.sequence)
      }
    }
    state.withLock { $0.making.finish() }
  }

  private static let changesAtOnce = 1000
}
