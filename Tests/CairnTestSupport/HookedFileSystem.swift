package import Cairn
internal import Synchronization

/// Calls something before, or after, one of the calls that look for files and open them.
package struct HookedFileSystem: FileSystem {
  private let hook: @Sendable () -> Void

  package init(_ hook: @escaping @Sendable () -> Void) { self.hook = hook }

  package func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Directory {
    HookedDirectory(try PosixFileSystem().openDirectory(path, creating: permissions), hook)
  }
}

private final class HookedDirectory: Directory {
  private let base: any Directory
  private let hook: @Sendable () -> Void

  init(_ base: any Directory, _ hook: @escaping @Sendable () -> Void) {
    self.base = base
    self.hook = hook
  }

  var path: String { base.path }
  var location: String { base.location }

  func names() throws(StoreError) -> [String] {
    hook()
    let names = try base.names()
    hook()
    return names
  }

  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    hook()
    return try base.open(name, forWriting: forWriting)
  }

  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    try base.create(name, permissions: permissions)
  }
  func rename(_ name: String, to newName: String) throws(StoreError) { try base.rename(name, to: newName) }
  func unlink(_ name: String) throws(StoreError) { try base.unlink(name) }
  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool { try base.exchange(name, other) }
  func removeDirectory(_ name: String) throws(StoreError) { try base.removeDirectory(name) }
  func link(_ name: String, as newName: String) throws(StoreError) { try base.link(name, as: newName) }
  func sync() throws(StoreError) { try base.sync() }
  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)? {
    try base.lock(name, permissions: permissions)
  }
  func close() { base.close() }
}

/// Counts such calls.
package final class HookCounter: Sendable {
  private let calls = Atomic<Int>(0)

  package init() {}

  package func next() -> Int { calls.wrappingAdd(1, ordering: .relaxed).oldValue }
  package var count: Int { calls.load(ordering: .relaxed) }
}
