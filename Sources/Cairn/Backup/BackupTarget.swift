/// A directory that is being made beside the place it is for, and takes it at once when it is whole: a backup, or a
/// store that is made from one.
///
/// Until then it has a name of its own, `NAME.0123456789abcdef.tmp`, and a lock in it that its process holds: so what a
/// dead one has left is told from what a living one writes. What was at the place before gets that name in exchange,
/// and is removed. Where the file system cannot exchange names, it is called `NAME.0123456789abcdef.previous` for a
/// moment, in which there is nothing at the place; if just then the process dies, the next backup puts it back.
final class BackupTarget {
  let directory: any Directory
  /// What is at the place, if anything.
  let replaced: EarlierBackup?
  private let temporary: String
  private let parent: any Directory
  private let name: TargetName
  private let lock: any File
  /// A file that has got its name is not taken away again.
  private var isDone = false

  /// - Parameters:
  ///   - source: where the store is; nothing is made in it.
  ///   - mayReplace: whether something may be there, of the same store; if not, nothing but an empty directory.
  init(
    _ path: String, of store: StoreIdentifier, source: String, mayReplace: Bool, _ options: Store.Options,
    _ fileSystem: any FileSystem
  ) throws(StoreError) {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    let name = try TargetName(path, of: "a backup", randomNumber: options.randomNumber)
    let parent = try fileSystem.openDirectory(name.parent, creating: nil)
    let place = (parent.location == "/" ? "" : parent.location) + "/" + name.name
    if place == source || place.hasPrefix(source + "/") {
      throw StoreError(.invalidOption, "the target is the store itself, or in it", file: path)
    }
    try Self.putBack(name, of: store, parent, fileSystem)
    if !mayReplace, let there = try EarlierBackup.open(path, fileSystem), try !there.names().isEmpty {
      throw StoreError(.notAStore, "there is something already where the store is to be restored", file: path)
    }
    replaced = try EarlierBackup(path, of: store, isReplaced: true, fileSystem)
    for other in try parent.names() where name.isUnused(other) { Self.remove(other, parent, fileSystem) }
    self.parent = parent
    self.name = name
    for _ in 0..<8 {
      let temporary = try name.unused()
      // Somebody who cleans up may be quicker, and take it for a leftover: before it is opened, or after that.
      let directory: any Directory
      do throws(StoreError) {
        directory = try fileSystem.openDirectory(parent.path + "/" + temporary, creating: options.directoryPermissions)
      } catch {
        if error.code == .notFound { continue }
        throw error
      }
      do throws(StoreError) {
        guard let lock = try directory.lock(Engine.lockName, permissions: options.filePermissions) else { continue }
        self.directory = directory
        self.temporary = temporary
        self.lock = lock
        return
      } catch {
        if error.code == .notFound { continue }
        Self.empty(directory, temporary, parent)
        throw error
      }
    }
    throw StoreError(.system, "others keep removing the temporary directory", file: path)
  }

  deinit {
    if !isDone { Self.empty(directory, temporary, parent) }
  }

  /// Gives a file a second name in here.
  func link(_ path: String, as newName: String) throws(StoreError) {
    try parent.link(path, as: temporary + "/" + newName)
  }

  /// Puts it in its place, whole and on the disk.
  func publish() throws(StoreError) {
    try directory.sync()
    var old = temporary
    if replaced == nil {
      do throws(StoreError) { try parent.rename(temporary, to: name.name) } catch {
        // Where there was nothing, or something that was just being removed.
        guard System.isTaken(error) else { throw error }
        throw StoreError(
          .locked, "another one has been put there meanwhile", file: error.file, systemError: error.systemError)
      }
    } else if try !parent.exchange(temporary, name.name) {
      old = try name.unused(TargetName.previousSuffix)
      try parent.rename(name.name, to: old)
      do throws(StoreError) { try parent.rename(temporary, to: name.name) } catch {
        try? parent.rename(old, to: name.name)
        throw error
      }
    }
    isDone = true
    // Before anything of the old one goes: without this, a power failure could bring its name back.
    try parent.sync()
    // What stays of it, the next one removes.
    if let replaced { Self.empty(replaced.directory, old, parent) }
  }

  // MARK: What others have left

  /// Where a backup was being replaced and has no name now, gives it its name again; removes those that have been
  /// replaced. What another store's backup has left there is that one's.
  private static func putBack(
    _ name: TargetName, of store: StoreIdentifier, _ parent: any Directory, _ fileSystem: any FileSystem
  ) throws(StoreError) {
    let names = try parent.names()
    var isThere = names.contains(name.name)
    for old in names where name.isUnused(old, TargetName.previousSuffix) {
      if isThere {
        remove(old, of: store, parent, fileSystem)
        continue
      }
      do throws(StoreError) {
        let path = parent.path + "/" + old
        guard let backup = try EarlierBackup(path, of: store, isReplaced: true, fileSystem) else { continue }
        try withExtendedLifetime(backup.lock) { () throws(StoreError) in try parent.rename(old, to: name.name) }
      } catch {
        if error.code == .notAStore { continue }
        throw error
      }
      try parent.sync()
      isThere = true
    }
  }

  /// Removes a directory that was never finished, or has been replaced, if nobody is at it. What cannot be removed
  /// stays.
  ///
  /// - Parameter store: only if it is not another one's.
  private static func remove(
    _ name: String, of store: StoreIdentifier? = nil, _ parent: any Directory, _ fileSystem: any FileSystem
  ) {
    // Not a directory: it is of a frozen store.
    guard let directory = try? fileSystem.openDirectory(parent.path + "/" + name, creating: nil),
      let lock = try? directory.lock(Engine.lockName, permissions: 0o600)
    else { return }
    if let store {
      let found = Result { () throws(StoreError) in try EarlierBackup.store(in: directory) }
      // Without a header, its removal was interrupted.
      guard found == .success(store) || found == .success(nil) else { return }
    }
    withExtendedLifetime(lock) { empty(directory, name, parent) }
  }

  private static func empty(_ directory: any Directory, _ name: String, _ parent: any Directory) {
    // First what makes it a store; last the lock, so that nobody who has found one here takes that meanwhile.
    try? directory.unlink(StoreHeader.name)
    for file in (try? directory.names()) ?? [] where EarlierBackup.isOwn(file) && file != Engine.lockName {
      try? directory.unlink(file)
    }
    try? directory.unlink(Engine.lockName)
    try? parent.removeDirectory(name)
  }
}
