/// A file that is being made beside the place it is for, and takes it at once when it is whole.
///
/// Until then it has a name of its own, and a lock that its process holds: so two processes that make the same file do
/// not meet, and what a dead one has left is told from what a living one writes.
final class FrozenTarget {
  let file: any File
  private let directory: any Directory
  private let name: TargetName
  private let temporary: String
  /// Held until the file has its name.
  private let lock: any File
  private var isDone = false

  /// - Throws: `.notAStore` if there is something at `path` that is no frozen store: it would be lost.
  init(
    _ path: String, _ options: FrozenStore.BuildOptions, _ fileSystem: any FileSystem
  ) throws(StoreError) {
    let name = try TargetName(path, of: "a frozen store", randomNumber: options.randomNumber)
    let directory = try fileSystem.openDirectory(name.parent, creating: nil)
    try Self.checkReplaceable(name.name, directory)
    try Self.removeLeftovers(name, directory)
    self.directory = directory
    self.name = name
    for _ in 0..<8 {
      let temporary = try name.unused()
      // `nil`: somebody who cleans up was quicker, and has taken the file for a leftover.
      guard let lock = try directory.lock(temporary, permissions: options.filePermissions),
        let file = try directory.open(temporary, forWriting: true)
      else { continue }
      self.temporary = temporary
      self.lock = lock
      self.file = file
      return
    }
    throw StoreError(.system, "others keep removing the temporary file", file: path)
  }

  deinit {
    if !isDone { try? directory.unlink(temporary) }
    try? file.close()
  }

  /// Gives the file its name; it is durable already.
  func publish(keepingPrevious: Bool) throws(StoreError) {
    try file.close()
    if keepingPrevious { try keepPrevious() }
    try directory.rename(temporary, to: name.name)
    isDone = true
    try directory.sync()
  }

  /// By a second name, so that there is a file at the first one at every moment.
  private func keepPrevious() throws(StoreError) {
    guard try isWorthKeeping() else { return }
    let second = try name.unused()
    try directory.link(name.name, as: second)
    do throws(StoreError) {
      try directory.rename(second, to: name.name + TargetName.previousSuffix)
    } catch {
      try? directory.unlink(second)
      throw error
    }
    // Where both were the same file already, a rename does nothing.
    try directory.unlink(second)
  }

  /// A damaged file must not take the place of a whole one.
  private func isWorthKeeping() throws(StoreError) -> Bool {
    do throws(StoreError) { _ = try FrozenStore.map(name.name, in: directory) } catch {
      switch error.code {
      case .damaged, .notFound: return false
      case .unsupportedFormat: return true
      default: throw error
      }
    }
    return true
  }

  // MARK: What is there

  private static func checkReplaceable(_ name: String, _ directory: any Directory) throws(StoreError) {
    guard let file = try FrozenStore.openFile(name, in: directory) else { return }
    let bytes = try System.allocateLines(byteCount: 64)
    guard try file.read(into: bytes.view.slice(0, 16), at: 0) == 16, FrozenHeader.hasMagic(bytes.view) else {
      throw StoreError(.notAStore, "the file is no frozen store, and is not replaced by one", file: file.path)
    }
  }

  /// What is here of files that were never finished, and that nobody is writing.
  private static func removeLeftovers(_ name: TargetName, _ directory: any Directory) throws(StoreError) {
    for other in try directory.names() where name.isUnused(other) {
      let file: (any File)?
      do throws(StoreError) { file = try directory.open(other, forWriting: false) } catch {
        // A directory: it is of a backup.
        if error.code == .damaged { continue }
        throw error
      }
      guard let file else { continue }
      guard let lock = try directory.lock(other, permissions: 0o600) else { continue }
      try directory.unlink(other)
      try lock.close()
      try file.close()
    }
  }
}
