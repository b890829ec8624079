/// What the tests of this package drive a store by, beside what everybody has.
extension Store {
  /// Opens a store on another disk than the machine's.
  package static func open(
    at path: String, options: Options, on fileSystem: some FileSystem
  ) throws(StoreError) -> Store {
    try with(try Engine.open(path, options, fileSystem))
  }

  /// Does in this thread what the store's own would do, of one that was opened without (``Options/hasThreads``).
  package func runBackground() { engine.runBackground() }

  /// Goes on in a new segment.
  package func beginSegment() throws(StoreError) {
    try engine.sealActive(engine.inTurn { engine.log.segment })
  }

  package var keepsVersions: Bool { engine.keepsVersions }

  package func carryOutBarriers() throws(StoreError) { try engine.carryOutBarriers() }

  package func writeCheckpoint() throws(StoreError) {
    try engine.writeCheckpoint()
    engine.saveViews()
  }

  /// One round of compaction, of what it would give something back of.
  package func compactOnce() throws(StoreError) { _ = try engine.compactRound { $0.victims(upTo: .max) } }

  /// Entries in the index, counted by its shards.
  package var indexedEntries: Int { (0..<HashIndex.shards).reduce(0) { $0 + engine.index.count(of: $1) } }

  package func backup(to path: String, on fileSystem: any FileSystem) throws(StoreError) {
    _ = try engine.backup(to: path, fileSystem) { _ in }
  }

  package func freeze(to path: String, on fileSystem: any FileSystem) throws(StoreError) {
    var options = FrozenStore.BuildOptions()
    options.clock = engine.options.clock
    options.randomNumber = engine.options.randomNumber
    _ = try engine.freeze(to: path, options, fileSystem, nil)
  }
}

extension FrozenStore {
  package static func open(
    _ path: String, clock: any StoreClock, on fileSystem: any FileSystem
  ) throws(StoreError) -> FrozenStore {
    var options = Options()
    options.clock = clock
    options.opening = .everything
    return try open(path, options, fileSystem)
  }
}
