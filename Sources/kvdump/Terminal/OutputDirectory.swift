internal import Cairn
internal import Glibc

/// A directory that a command makes: it gets its name when it is complete, and is gone if it never is.
struct OutputDirectory {
  let path: String
  /// Where it is made, beside its later place.
  let temporary: String

  private var parent: String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// - Parameter source: what the new directory is made from, and must not be within.
  /// - Throws: if something is there already, or its folder is not.
  init(_ path: String, from source: String) throws(StoreError) {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    self.path = path
    temporary = path + ".partial"
    try keepOut(of: source)
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      throw StoreError(.invalidOption, "something is there already; choose another place, or remove it", file: path)
    }
    if unsafe lstat(temporary, &status) == 0 {
      throw StoreError(
        .invalidOption, "this is left over from an interrupted copy or repair, if none is at work; remove it",
        file: temporary)
    }
  }

  private func keepOut(of source: String) throws(StoreError) {
    // What cannot be looked at is told of when it is opened.
    guard let store = Place(source) else { return }
    if Place(path) == store {
      throw StoreError(.invalidOption, "the output is the store itself; choose another place", file: path)
    }
    guard var place = Place(parent) else {
      let code = errno
      if code == ENOENT { throw StoreError(.notFound, "there is no such directory", file: parent, systemError: code) }
      throw SystemError.of("look at the output's folder", parent, code)
    }
    var ancestor = parent
    while place != store {
      ancestor += "/.."
      guard let above = Place(ancestor), above != place else { return }
      place = above
    }
    throw StoreError(.invalidOption, "the output would be within the store; choose another place", file: path)
  }

  /// Which file it is, whatever the path that leads to it.
  private struct Place: Equatable {
    let device: dev_t
    let number: ino_t

    /// `nil` if that cannot be told; `errno` says why.
    init?(_ path: String) {
      var status = Glibc.stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      (device, number) = (status.st_dev, status.st_ino)
    }
  }

  /// Calls `body` with the path where to make it.
  func make<R>(_ body: (String) throws(StoreError) -> R) throws(StoreError) -> R {
    // Whoever comes between finds it taken: nothing is written into, nor removed from, what somebody else has made.
    guard unsafe mkdir(temporary, 0o700) == 0 else { throw SystemError.of("mkdir", temporary) }
    do throws(StoreError) {
      let result = try body(temporary)
      guard unsafe rename(temporary, path) == 0 else {
        throw SystemError.of("rename", path)
      }
      try syncParent()
      return result
    } catch {
      remove()
      throw error
    }
  }

  /// The name is on the disk when the folder is.
  private func syncParent() throws(StoreError) {
    let directory = try PosixFileSystem().openDirectory(parent, creating: nil)
    defer { directory.close() }
    try directory.sync()
  }

  private func remove() {
    guard let directory = try? PosixFileSystem().openDirectory(temporary, creating: nil) else { return }
    for name in (try? directory.names()) ?? [] { try? directory.unlink(name) }
    directory.close()
    unsafe _ = rmdir(temporary)
  }
}
