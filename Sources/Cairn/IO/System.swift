internal import CCairn
internal import Glibc

/// System calls: the only file that imports the C library. `EINTR` is retried here and nowhere else.
package enum System {
  /// The error of a failed call, for its `errno`.
  @inline(never)
  static func failure(_ operation: StaticString, _ path: String?, _ code: Int32 = errno, at offset: Int? = nil)
    -> StoreError
  {
    let reason = unsafe String(cString: strerror(code))
    let kind: StoreError.Code =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .noSpace
      case EACCES, EPERM, EROFS: .permissionDenied
      case ENOENT: .notFound
      case ENOTDIR, ELOOP: .notAStore
      default: .system
      }
    return StoreError(kind, "\(operation) failed: \(reason)", file: path, byteOffset: offset, systemError: code)
  }

  /// Whether a name could not be given to something because something else has it.
  static func isTaken(_ error: StoreError) -> Bool { error.systemError == EEXIST || error.systemError == ENOTEMPTY }

  @inline(__always)
  static func retrying(_ call: () -> Int) -> Int {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  /// Zeroed memory whose pages are not there until touched.
  package static func allocate(byteCount: Int) throws(StoreError) -> Mapping {
    let base = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else { throw failure("mmap of memory", nil) }
    return unsafe Mapping(adopting: base, byteCount: byteCount) { unsafe _ = munmap($0, $1) }
  }

  /// Zeroed memory aligned to a cache line, from the heap: for many blocks of a few KiB.
  static func allocateLines(byteCount: Int) throws(StoreError) -> Mapping {
    guard let base = unsafe aligned_alloc(64, byteCount) else { throw failure("aligned_alloc", nil, ENOMEM) }
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return unsafe Mapping(adopting: base, byteCount: byteCount) { pointer, _ in unsafe free(pointer) }
  }

  /// Makes fresh pages present before they are written to. Only a hint.
  static func populate(_ view: MemoryView) {
    unsafe _ = cairn_populate(view.pointer, view.count)
  }

  /// Memory that this process may use: that of the machine, or what its group of processes (cgroup) is limited to, as
  /// it was when this was asked for first.
  package static let memoryBytes: Int = {
    var least = sysconf(Int32(_SC_PHYS_PAGES)) * pageBytes
    for line in text("/proc/self/cgroup").split(separator: "\n") {
      // `0::/path` in version 2, `4:memory:/path` in version 1.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let files: [String]
      if parts[1].isEmpty {
        files = ["/sys/fs/cgroup\(parts[2])/memory.max", "/sys/fs/cgroup/memory.max"]
      } else if parts[1] == "memory" {
        files = ["\(parts[2])", ""].map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
      } else {
        continue
      }
      for file in files {
        if let limit = Int(text(file).prefix { $0 != "\n" }), limit > 0 { least = min(least, limit) }
      }
    }
    return least
  }()

  /// The beginning of a file of the kernel; nothing if it cannot be read.
  private static func text(_ path: String) -> String {
    let file = retrying { Int(unsafe cairn_open_at(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0)) }
    guard file >= 0 else { return "" }
    defer { Glibc.close(Int32(file)) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = retrying { unsafe bytes.withUnsafeMutableBytes { unsafe read(Int32(file), $0.baseAddress, $0.count) } }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  static func release(page: UnsafeMutableRawPointer) { unsafe _ = munmap(page, pageBytes) }

  /// Random bytes: from the kernel, or where somebody else makes them.
  package static func random(_ randomNumber: (@Sendable () -> UInt64)? = nil) throws(StoreError) -> UInt64 {
    if let randomNumber { return randomNumber() }
    var value: UInt64 = 0
    guard unsafe cairn_random(&value) == 0 else { throw failure("getrandom", nil) }
    return value
  }

  static func milliseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  static func wallMilliseconds() -> Int64 { milliseconds(CLOCK_REALTIME) }

  /// Goes on while the machine sleeps, and is never set.
  static func elapsedMilliseconds() -> Int64 { milliseconds(CLOCK_BOOTTIME) }

  package static func nanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func processID() -> Int32 { getpid() }

  static func commandName() -> String { String(CommandLine.arguments.first?.split(separator: "/").last ?? "?") }
}

/// The file system of the machine.
package struct PosixFileSystem: FileSystem {
  package init() {}

  package func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Directory {
    if path.isEmpty || path.utf8.contains(0) {
      throw StoreError(.invalidOption, "a store's path must not be empty nor hold a zero byte", file: path)
    }
    var isNew = false
    if let permissions {
      isNew = unsafe path.withCString { unsafe mkdir($0, mode_t(permissions)) } == 0
      if !isNew && errno != EEXIST { throw System.failure("mkdir", path) }
      // The umask may have taken bits away that the caller asked for.
      if isNew { unsafe path.withCString { unsafe _ = chmod($0, mode_t(permissions)) } }
    }
    let descriptor = Self.open(path, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else {
      if errno == ENOTDIR {
        throw StoreError(.notAStore, "a store is a directory, and this is none", file: path, systemError: errno)
      }
      throw System.failure("open of the store's directory", path)
    }
    let directory = PosixDirectory(path: path, descriptor: descriptor)
    // One with nothing in it may have been made by somebody who died, or failed, before it was synced.
    if permissions != nil {
      let names = isNew ? [] : try directory.names(atMost: 1)
      if names.isEmpty { try PosixFileSystem.syncParent(of: path, isNeeded: isNew) }
    }
    return directory
  }

  private static func open(_ path: String, _ flags: Int32) -> Int32 {
    Int32(System.retrying { Int(unsafe path.withCString { unsafe cairn_open_at(AT_FDCWD, $0, flags | O_CLOEXEC, 0) }) })
  }

  /// The path without symbolic links; as it is given if there is nothing there.
  static func resolved(_ path: String) -> String {
    guard !path.utf8.contains(0), let real = unsafe path.withCString({ unsafe realpath($0, nil) }) else { return path }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }

  /// Whether somebody holds the lock of this file, which is not taken; `false` if there is no such file.
  package func isLocked(_ path: String) throws(StoreError) -> Bool {
    let file = Self.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
    guard file >= 0 else {
      if errno == ENOENT { return false }
      throw System.failure("open of the lock file", path)
    }
    defer { close(file) }
    let result = cairn_is_locked(file)
    guard result >= 0 else { throw System.failure("look at the lock", path) }
    return result > 0
  }

  /// - Parameter isNeeded: whether the directory was made just now; if not, its parent may be of a file system that
  ///   cannot be written, nor synced.
  private static func syncParent(of path: String, isNeeded: Bool) throws(StoreError) {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false)
    while parts.count > 1 && parts.last == "" { parts.removeLast() }
    parts.removeLast()
    let parent = parts.isEmpty ? "." : parts == [""] ? "/" : parts.joined(separator: "/")
    let descriptor = Self.open(parent, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else {
      // One that may be searched but not read cannot be synced.
      if errno == EACCES { return }
      throw System.failure("open of the directory", parent)
    }
    defer { close(descriptor) }
    if fsync(descriptor) == 0 { return }
    if !isNeeded && [EINVAL, EROFS, ENOTSUP].contains(errno) { return }
    throw System.failure("fsync of the directory", parent)
  }
}

final class PosixDirectory: Directory, @unchecked Sendable {  // `isOpen` changes once, by whoever closes.
  let path: String
  private let descriptor: Int32
  private var isOpen = true

  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close() }

  func close() {
    if isOpen { Glibc.close(descriptor) }
    isOpen = false
  }

  private func full(_ name: String) -> String { path + "/" + name }

  /// Of the descriptor: the process may be in another directory by now.
  var location: String { PosixFileSystem.resolved("/proc/self/fd/\(descriptor)") }

  private func openAt(_ name: String, _ flags: Int32, _ permissions: UInt32 = 0) -> Int32 {
    Int32(
      System.retrying {
        unsafe name.withCString {
          Int(unsafe cairn_open_at(descriptor, $0, flags | O_CLOEXEC | O_NOFOLLOW, permissions))
        }
      })
  }

  func names() throws(StoreError) -> [String] { try names(atMost: .max) }

  func names(atMost count: Int) throws(StoreError) -> [String] {
    let copy = openAt(".", O_RDONLY | O_DIRECTORY)
    guard copy >= 0 else { throw System.failure("open of the store's directory", path) }
    guard let stream = unsafe fdopendir(copy) else {
      Glibc.close(copy)
      throw System.failure("fdopendir", path)
    }
    defer { unsafe _ = closedir(stream) }
    var names: [String] = []
    while names.count < count {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno != 0 { throw System.failure("readdir", path) }
        break
      }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    let file = openAt(name, O_RDWR | O_CREAT | O_EXCL, permissions)
    guard file >= 0 else { throw System.failure("creation", full(name)) }
    fchmod(file, mode_t(permissions))
    return PosixFile(path: full(name), descriptor: file)
  }

  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    // Without O_NONBLOCK the open of a FIFO would wait for its other end.
    let file = openAt(name, (forWriting ? O_RDWR : O_RDONLY) | O_NONBLOCK)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw System.failure("open", full(name))
    }
    let opened = PosixFile(path: full(name), descriptor: file)
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw System.failure("fstat", full(name)) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StoreError.damaged("a file of the store is not a regular file", file: full(name))
    }
    return opened
  }

  func rename(_ name: String, to newName: String) throws(StoreError) {
    let result = unsafe name.withCString { from in
      unsafe newName.withCString { to in unsafe renameat(descriptor, from, descriptor, to) }
    }
    guard result == 0 else { throw System.failure("rename", full(newName)) }
  }

  func link(_ name: String, as newName: String) throws(StoreError) {
    let result = unsafe name.withCString { from in
      unsafe newName.withCString { to in unsafe linkat(descriptor, from, descriptor, to, 0) }
    }
    guard result == 0 else { throw System.failure("link", full(newName)) }
  }

  func unlink(_ name: String) throws(StoreError) {
    let result = unsafe name.withCString { unsafe unlinkat(descriptor, $0, 0) }
    guard result == 0 || errno == ENOENT else { throw System.failure("unlink", full(name)) }
  }

  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool {
    let result = unsafe name.withCString { from in
      unsafe other.withCString { to in unsafe cairn_exchange(descriptor, from, to) }
    }
    if result != 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) { return false }
    guard result == 0 else { throw System.failure("rename", full(other)) }
    return true
  }

  func removeDirectory(_ name: String) throws(StoreError) {
    let result = unsafe name.withCString { unsafe unlinkat(descriptor, $0, AT_REMOVEDIR) }
    guard result == 0 || errno == ENOENT else { throw System.failure("rmdir", full(name)) }
  }

  func sync() throws(StoreError) {
    guard fsync(descriptor) == 0 else { throw System.failure("fsync of the directory", path) }
  }

  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)? {
    let file = openAt(name, O_RDWR | O_CREAT, permissions)
    guard file >= 0 else { throw System.failure("open of the lock file", full(name)) }
    let opened = PosixFile(path: full(name), descriptor: file)
    guard cairn_lock_exclusively(file) == 0 else {
      if errno == EAGAIN || errno == EACCES { return nil }
      throw System.failure("lock", full(name))
    }
    // Who had it may have removed the file between these two calls: what has no name, or another's, keeps nobody out.
    var (own, named) = (stat(), stat())
    let isNamed = unsafe fstat(file, &own) == 0 && fstatat(descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0
    if !isNamed || own.st_ino != named.st_ino || own.st_dev != named.st_dev { return nil }
    opened.closeInChildren()
    return opened
  }
}

final class PosixFile: File, @unchecked Sendable {  // `isOpen` changes once, by whoever closes.
  let path: String
  private let descriptor: Int32
  private var isOpen = true
  private var isClosedInChildren = false

  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit {
    if isOpen { finish() }
  }

  @discardableResult
  private func finish() -> Int32 {
    isOpen = false
    // In a forked child it is closed already, and its number may be another file's.
    if isClosedInChildren && cairn_keep_in_children(descriptor) == 0 { return 0 }
    // A child that is being started by another thread has the descriptor until it runs its program: closing ours would
    // leave the lock to it.
    if isClosedInChildren { _ = cairn_unlock(descriptor) }
    return Glibc.close(descriptor)
  }

  func closeInChildren() {
    isClosedInChildren = cairn_close_in_children(descriptor) != 0
  }

  func close() throws(StoreError) {
    if isOpen && finish() != 0 { throw System.failure("close", path) }
  }

  func byteCount() throws(StoreError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw System.failure("fstat", path) }
    return Int(status.st_size)
  }

  func read(into target: MemoryView, at offset: Int) throws(StoreError) -> Int {
    var done = 0
    while done < target.count {
      let got = System.retrying {
        unsafe pread(descriptor, target.pointer + done, target.count - done, off_t(offset + done))
      }
      if got < 0 { throw System.failure("pread", path, at: offset + done) }
      if got == 0 { break }
      done += got
    }
    return done
  }

  func write(_ bytes: MemoryView, at offset: Int) throws(StoreError) {
    var done = 0
    while done < bytes.count {
      let put = System.retrying {
        Int(unsafe cairn_write_at(descriptor, bytes.pointer + done, bytes.count - done, Int64(offset + done)))
      }
      if put < 0 { throw System.failure("pwrite", path, at: offset + done) }
      // A short write has a cause, and the next call tells it: a full disk, a quota, a limit.
      if put == 0 { throw System.failure("pwrite", path, ENOSPC, at: offset + done) }
      done += put
    }
  }

  func reserve(_ start: Int, upTo end: Int) throws(StoreError) {
    // Over RLIMIT_FSIZE the kernel would send SIGXFSZ, which ends a process.
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, limit.rlim_cur < end {
      throw System.failure("reservation of space", path, EFBIG, at: start)
    }
    let result = System.retrying { Int(cairn_reserve(descriptor, Int64(start), Int64(end - start))) }
    if result != 0 && errno != EOPNOTSUPP && errno != ENOSYS {
      throw System.failure("reservation of space", path, at: start)
    }
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    let result = System.retrying { Int(ftruncate(descriptor, off_t(byteCount))) }
    guard result == 0 else { throw System.failure("ftruncate", path, at: byteCount) }
  }

  func sync() throws(StoreError) {
    // Never retried: after a failure the kernel may have dropped the pages and call them clean.
    guard fdatasync(descriptor) == 0 else { throw System.failure("fdatasync", path) }
  }

  func map(byteCount: Int, writable: Bool) throws(StoreError) -> Mapping {
    let base = unsafe mmap(
      nil, byteCount, writable ? PROT_READ | PROT_WRITE : PROT_READ, writable ? MAP_PRIVATE : MAP_SHARED,
      descriptor, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else { throw System.failure("mmap", path) }
    return unsafe Mapping(adopting: base, byteCount: byteCount) { unsafe _ = munmap($0, $1) }
  }

  func mapShared(byteCount: Int) throws(StoreError) -> Mapping {
    let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else { throw System.failure("mmap", path) }
    return unsafe Mapping(adopting: base, byteCount: byteCount) { unsafe _ = munmap($0, $1) }
  }

  func mapForAppending(byteCount: Int, capacity: Int) throws(StoreError) -> Mapping {
    let memory = try System.allocate(byteCount: capacity)
    let mapped = byteCount / System.pageBytes * System.pageBytes
    if mapped > 0 {
      let base = unsafe mmap(
        memory.pointer, mapped, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0)
      guard unsafe base == memory.pointer else { throw System.failure("mmap", path) }
    }
    let rest = memory.view.slice(mapped, byteCount - mapped)
    guard try read(into: rest, at: mapped) == rest.count else {
      throw StoreError.damaged("a file became shorter while it was read", file: path, at: byteCount)
    }
    return memory
  }
}
