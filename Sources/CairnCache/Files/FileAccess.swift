internal import Cairn
internal import Glibc

/// By what a file is held to be the same: all that changes when somebody writes to it, or puts another in its place.
public struct FileIdentity: Sendable, Hashable, CustomStringConvertible {
  /// Nanoseconds since 1970: when its content, and when anything about it was changed last, by the system's clock.
  public let modified: Int64
  public let changed: Int64
  public let byteCount: Int64
  public let inode: UInt64
  public let device: UInt64

  /// As entries have it.
  public var description: String {
    "\(modified) \(changed) \(byteCount) \(String(inode, radix: 16)) \(String(device, radix: 16))"
  }

  fileprivate init(_ status: stat) {
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    byteCount = Int64(status.st_size)
    inode = UInt64(status.st_ino)
    device = UInt64(status.st_dev)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    let (product, isTooMuch) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    return isTooMuch ? product.signum() * .max : product.saturatingAdd(Int64(time.tv_nsec))
  }
}

/// The files of the machine: links are not followed, and nothing but regular files is one.
enum FileAccess {
  enum Found: Equatable {
    case file(FileIdentity)
    /// Nothing, or something else than a regular file.
    case none
    /// The system does not say.
    case unknown
  }

  static func look(_ path: String) -> Found {
    var status = stat()
    // The system would take what is before a zero for the whole path.
    if path.utf8.contains(0) { return .none }
    guard unsafe lstat(path, &status) == 0 else { return errno == ENOENT || errno == ENOTDIR ? .none : .unknown }
    return status.st_mode & S_IFMT == S_IFREG ? .file(FileIdentity(status)) : .none
  }

  /// `nil`: there is no regular file, as far as the system says.
  static func identity(of path: String) -> FileIdentity? {
    if case .file(let identity) = look(path) { return identity }
    return nil
  }

  /// Calls `body` with all regular files below a folder; none, if it cannot be read.
  static func forEach(below folder: String, _ body: (_ path: String, FileIdentity) -> Void) {
    var folders = [plain(folder)]
    while let folder = folders.popLast() {
      guard let stream = unsafe opendir(folder) else { continue }
      defer { unsafe _ = closedir(stream) }
      while let entry = unsafe readdir(stream) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
          unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
        }
        if name == "." || name == ".." { continue }
        let path = folder == "/" ? folder + name : folder + "/" + name
        var status = stat()
        guard unsafe fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: folders.append(path)
        case S_IFREG: body(path, FileIdentity(status))
        default: break
        }
      }
    }
  }

  /// Without slashes at its end.
  static func plain(_ folder: String) -> String {
    var folder = folder[...]
    while folder.count > 1 && folder.hasSuffix("/") { folder.removeLast() }
    return String(folder)
  }

  private static let readAtOnce = 1 << 18

  /// Calls `body` with the content, piece by piece. Returns the identity that the file had before.
  ///
  /// - Throws: ``FileCacheError``.
  static func read(_ path: String, _ body: (RawSpan) -> Void) throws(FileCacheError) -> FileIdentity {
    // What is none is not even opened. (A device might mind.)
    if look(path) == .none { throw FileCacheError(path: path, reason: "there is no regular file") }
    // A pipe in the place of the file does not hold anybody up.
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard file >= 0 else { throw failure(path) }
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileCacheError(path: path, reason: "there is no regular file")
    }
    var buffer = [UInt8](repeating: 0, count: readAtOnce)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw failure(path) }
      if count == 0 { return FileIdentity(status) }
      buffer.withBytes { body($0.extracting(0..<count)) }
    }
  }

  private static func failure(_ path: String) -> FileCacheError {
    FileCacheError(path: path, reason: unsafe String(cString: strerror(errno)))
  }

  /// Nanoseconds since 1970, as the system stamps files.
  static func now() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// A file that cannot be read.
public struct FileCacheError: Error, Sendable, Equatable, CustomStringConvertible {
  public let path: String
  public let reason: String

  public var description: String { "the file cannot be read (\(reason)): \(path)" }
}
