/// A store in one file that never changes: made once, read anywhere, by any number of processes and threads.
///
/// ```swift
/// try store.freeze(to: "words.frozen")
/// let words = try FrozenStore.open("words.frozen")
/// let meaning = try words.value(for: "cairn")
/// ```
///
/// The file is mapped, not read: opening takes as long for a gigabyte as for a kilobyte, and processes share its pages.
/// It is smaller than a store (no dead space, about 19 bytes for an entry besides key and value), and lookups are
/// faster. Every read verifies what it goes by, index and record, as reads of a ``Store`` do.
///
/// **Replace the file, never change it**: `freeze` and ``FrozenStoreBuilder`` do that by a rename, and who has the old
/// file open keeps it. A file that is cut short or overwritten while it is open ends the process (SIGBUS) or is
/// found damaged.
///
/// Its entries have no attributes (``Attributes``), whatever those of the store had.
///
/// It is closed when the last reference goes.
public final class FrozenStore: @unchecked Sendable {  // Nothing changes; the view lives as long as the mapping.
  let mapping: Mapping
  /// All of the file.
  let view: MemoryView
  package let header: FrozenHeader
  let homes: UInt64
  let isVerifying: Bool
  let clock: ExpiryClock
  let codec = FrozenCodec()
  let dictionaries: [FrozenDictionary]
  /// The file that is read: the one given, or the one before it (see ``fallback``).
  public let path: String
  /// Why the file given is not what is read, but the one that it replaced: it is damaged. `nil`: all is well.
  public let fallback: StoreError?

  private init(_ file: MappedFile, _ options: Options, fallback: StoreError?) throws(StoreError) {
    mapping = file.mapping
    view = file.mapping.view
    header = file.header
    homes = UInt64(file.header.homes)
    dictionaries = try FrozenDictionary.list(view, header, file: file.path)
    isVerifying = options.verification == .always
    clock = ExpiryClock(options.clock)
    path = file.path
    self.fallback = fallback
    // Where memory is short, pages beside those that are read would only drive others out.
    if view.count > System.memoryBytes { view.adviseScattered() }
  }

  /// How much of the file is verified when it is opened.
  public enum OpenVerification: Sendable {
    /// The header and the size: takes the same time for every file.
    case header
    /// Everything, as ``FrozenStore/verify(progress:)`` does: reads the whole file.
    case everything
  }

  /// How a frozen store is opened.
  public struct Options: Sendable {
    /// Of reads. With `.never`, damage may also make a key that is there look absent.
    public var verification: Store.Verification = .always
    /// Of the opening.
    public var opening: OpenVerification = .header
    /// Whether the file that was replaced is opened if the one given is damaged; see ``FrozenStore/fallback``.
    public var fallsBack = true
    /// What deadlines go by.
    public var clock: any StoreClock = SystemClock()

    public init() {}
  }

  /// Opens a frozen store.
  ///
  /// If it is damaged and the one before it was kept beside it (`.previous`, see ``BuildOptions/keepsPrevious``), that
  /// one is opened, and ``fallback`` says why. Symbolic links are followed.
  ///
  /// - Throws: `.notFound`, `.notAStore` (a folder, or no regular file), `.damaged` (cut short, no frozen store, a
  ///   checksum fails), `.unsupportedFormat` (of a newer version), `.permissionDenied`.
  /// - Complexity: O(1), some 20 µs, unless everything is to be verified.
  public static func open(_ path: String, options: Options = Options()) throws(StoreError) -> FrozenStore {
    try open(PosixFileSystem.resolved(path), options, PosixFileSystem())
  }

  static func open(
    _ path: String, _ options: Options, _ fileSystem: any FileSystem
  ) throws(StoreError) -> FrozenStore {
    let target = try TargetName(path, of: "a frozen store")
    let name = target.name
    let directory = try fileSystem.openDirectory(target.parent, creating: nil)
    defer { directory.close() }
    do throws(StoreError) {
      return try open(name, directory, options, fallback: nil)
    } catch {
      guard options.fallsBack, error.code == .damaged else { throw error }
      let previous = try? open(name + TargetName.previousSuffix, directory, options, fallback: error)
      guard let previous else { throw error }
      return previous
    }
  }

  private static func open(
    _ name: String, _ directory: any Directory, _ options: Options, fallback: StoreError?
  ) throws(StoreError) -> FrozenStore {
    let store = try FrozenStore(try map(name, in: directory), options, fallback: fallback)
    if options.opening == .everything { try store.verify() }
    return store
  }

  /// A file whose header is whole.
  struct MappedFile {
    let path: String
    let header: FrozenHeader
    let mapping: Mapping
  }

  static func map(_ name: String, in directory: any Directory) throws(StoreError) -> MappedFile {
    guard let file = try openFile(name, in: directory) else {
      throw StoreError(.notFound, "there is no such file", file: directory.path + "/" + name)
    }
    let byteCount = try file.byteCount()
    guard byteCount >= FrozenHeader.byteCount else {
      throw StoreError.damaged("the frozen store is cut short", file: file.path, at: byteCount)
    }
    let mapping = try file.map(byteCount: byteCount, writable: false)
    let header = try FrozenHeader(
      decoding: mapping.view.slice(0, FrozenHeader.byteCount), fileByteCount: byteCount, file: file.path)
    return MappedFile(path: file.path, header: header, mapping: mapping)
  }

  /// The folder of a path, without symbolic links, and the name in it.
  package static func parts(of path: String) throws(StoreError) -> (parent: String, name: String) {
    let target = try TargetName(PosixFileSystem.resolved(path), of: "a frozen store")
    return (target.parent, target.name)
  }

  static func openFile(_ name: String, in directory: any Directory) throws(StoreError) -> (any File)? {
    do throws(StoreError) { return try directory.open(name, forWriting: false) } catch {
      // What is there is no regular file.
      guard error.code == .damaged else { throw error }
      throw StoreError(.notAStore, "a frozen store is a regular file, and this is none", file: error.file)
    }
  }

  /// How many entries there are; those whose deadline has passed count.
  public var count: Int { header.entries }
  /// Of the file.
  public var byteCount: Int { header.fileByteCount }
  /// The newest operation of the store that is in here; 0 if it was made of no store.
  public var sequence: UInt64 { header.sequence }
}

// MARK: Making

extension FrozenStore {
  /// How values are stored.
  public enum Compression: Sendable, Equatable {
    /// As the store does it that is frozen (``Store/Options/compression``); without a store, `.none`.
    case inherited
    /// As they are: reads copy nothing.
    case none
    /// As a zstd frame each, where that saves an eighth or more. A dictionary of what small values have in common
    /// makes them two to three times smaller still; it is trained on the first 10 MiB (of a store: on any 10 MiB),
    /// which takes a second.
    case zstd(level: Int = 3, trainsDictionary: Bool = false)
  }

  /// How a frozen store is made.
  public struct BuildOptions: Sendable {
    public var compression: Compression = .inherited
    /// Whether the file that is replaced is kept beside the new one, with `.previous` added to its name, instead of
    /// the one that has this name: ``FrozenStore/open(_:options:)`` falls back to it. A damaged file is not kept.
    public var keepsPrevious = false
    /// Of the file; the process's umask is taken away.
    public var filePermissions: UInt32 = 0o600
    /// What tells when the file was made, and what has expired.
    public var clock: any StoreClock = SystemClock()
    /// Two random numbers are needed for every file; `nil`: the kernel's.
    public var randomNumber: (@Sendable () -> UInt64)?

    public init() {}
  }
}
