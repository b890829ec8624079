internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// Backups and frozen stores: made in a life, judged then and after each crash.
extension Lives {
  /// The backup and the frozen store that were there before the crash.
  mutating func judgeCopies(of store: Store, on disk: SimulatedDisk) throws {
    if let backup = try openBackup(disk) {
      totals[.copies] += 1
      try judge(backup, of: store, on: disk)
    } else if promise.backup == backups {
      throw finding("the backup is not there any more")
    }
    try judgeFrozen(on: disk)
  }

  private mutating func judge(_ backup: Store, of store: Store, on disk: SimulatedDisk) throws {
    if let damage = backup.damage { throw finding("the backup is damaged: \(damage)") }
    if backup.lastSequence <= store.lastSequence {
      let objection = try history.objection(to: backup, atLeast: 0, at: clock.wallMilliseconds())
      if let objection { throw finding("backup: \(objection)") }
      return
    }
    // It holds what the store has lost, and must not be replaced.
    do {
      try store.backup(to: backupPath, on: disk)
      throw finding("a backup that holds more than the store was replaced")
    } catch let error as StoreError {
      if error.code != .notAStore { throw error }
    }
    backups += 1
  }

  mutating func backUp(_ store: Store, _ disk: SimulatedDisk, _ moments: Moments) throws {
    do {
      try store.backup(to: backupPath, on: disk)
    } catch {
      // One from before a power failure may have a segment that had been begun, and is lost, without operations in it.
      if error.code != .notAStore || isBackedUp { throw error }
      backups += 1
      try store.backup(to: backupPath, on: disk)
    }
    isBackedUp = true
    moments.promise.withLock { [backups] in $0.backup = backups }
    guard let backup = try openBackup(disk) else { throw finding("the backup is not there") }
    let objection = try history.objection(to: backup, atLeast: store.lastSequence, at: clock.wallMilliseconds())
    if let objection { throw finding("backup: \(objection)") }
    try backup.close()
  }

  private var backupPath: String { "disk/backup-\(backups)" }

  /// `nil`: there is none.
  private func openBackup(_ disk: SimulatedDisk) throws -> Store? {
    var options = Store.Options(.readOnly)
    options.clock = clock
    do { return try Store.open(at: backupPath, options: options, on: disk) } catch {
      if error.code == .notFound { return nil }
      throw finding("backup: \(error)")
    }
  }

  mutating func freeze(_ store: Store, _ disk: SimulatedDisk, _ moments: Moments) throws {
    frozen.append(history.current.live(at: clock.wallMilliseconds()))
    try store.freeze(to: "disk/frozen", on: disk)
    moments.promise.withLock { [frozen] in $0.frozen = frozen.count - 1 }
    promise.frozen = frozen.count - 1
    try judgeFrozen(on: disk)
  }

  /// The last one that was made is there, or one that was begun since.
  private mutating func judgeFrozen(on disk: SimulatedDisk) throws {
    let store: FrozenStore
    do {
      store = try FrozenStore.open("disk/frozen", clock: clock, on: disk)
    } catch {
      if error.code == .notFound && promise.frozen == nil { return }
      throw finding("frozen: \(error)")
    }
    totals[.copies] += 1
    let now = clock.wallMilliseconds()
    var found: [[UInt8]: Model.Entry] = [:]
    try store.forEach { entry in
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      found[unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }] = Model.Entry(
        value: value, version: entry.version, deadline: entry.deadline)
      return true
    }
    let legal = frozen[(promise.frozen ?? 0)...].contains { expected in
      // Frozen stores have no attributes.
      let live = expected.filter { $0.value.deadline ?? .max > now }
      return live.mapValues { Model.Entry(value: $0.value, version: $0.version, deadline: $0.deadline) } == found
    }
    if !legal { throw finding("frozen: \(found.count) entries, as in none that was made") }
    for (key, entry) in found where try store.value(for: key) != entry.value {
      throw finding("frozen: \(String(decoding: key, as: UTF8.self)) is not found")
    }
  }
}
