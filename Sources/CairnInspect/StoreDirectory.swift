package import Cairn

/// The directory of a store, opened for looking only: nothing in it is changed, no lock is taken, nothing is mapped.
package struct StoreDirectory {
  /// SPEC 1. Whoever writes holds the lock of this file.
  static let lockName = "LOCK"
  /// By which the writer tells followers that there is something new.
  static let newsName = "news"
  static let temporarySuffix = ".tmp"

  package let path: String
  package let header: StoreHeader
  /// Why the header had to be made up, if it had.
  private(set) var headerFinding: Finding?
  let directory: any Directory
  let held: HeldSegments

  /// - Throws: `.notAStore` if there is something else or nothing in the directory; `.notFound` if there is no
  ///   directory; `.unsupportedFormat` if the store's format is newer; `.damaged`.
  package init(opening path: String, on fileSystem: any FileSystem = PosixFileSystem()) throws(StoreError) {
    do throws(StoreError) {
      directory = try fileSystem.openDirectory(path, creating: nil)
    } catch {
      guard error.code == .notFound else { throw error }
      throw StoreError(.notFound, "there is nothing here", file: path, systemError: error.systemError)
    }
    self.path = path
    held = HeldSegments()
    guard let file = try directory.open(StoreHeader.name, forWriting: false) else {
      throw try Self.noStore(directory)
    }
    let window = FileWindow(file, byteCount: min(try file.byteCount(), StoreHeader.byteCount))
    let view = try window.bytes(at: 0, window.byteCount) ?? .empty
    header = try StoreHeader(decoding: view, file: file.path, forWriting: false)
  }

  /// The same for a store whose file of that name may be damaged or missing: then its segments tell which store it is.
  ///
  /// - Throws: `.unsupportedFormat` also for features that older versions may read: what is saved would lack them.
  package init(salvaging path: String) throws(StoreError) { self = try Self.salvage(path) }

  private init(path: String, header: StoreHeader, directory: any Directory) {
    self.path = path
    self.header = header
    self.directory = directory
    held = HeldSegments()
  }

  private static func salvage(_ path: String) throws(StoreError) -> StoreDirectory {
    let opened: StoreDirectory
    do throws(StoreError) { opened = try StoreDirectory(opening: path) } catch {
      guard try isDamaged(path, error) else { throw error }
      let directory = try PosixFileSystem().openDirectory(path, creating: nil)
      guard let header = try headerFromSegments(directory)?.header else { throw error }
      var store = StoreDirectory(path: path, header: header, directory: directory)
      store.headerFinding = Finding(.damaged, error.message, file: error.file, at: error.byteOffset)
      return store
    }
    guard opened.header.readOnlyCompatible == 0 else {
      throw StoreError(
        .unsupportedFormat, "the store has features of a newer version, which a repair would lose", file: path)
    }
    return opened
  }

  /// Also where a changed bit makes the header one of another version: its segments are of this one.
  private static func isDamaged(_ path: String, _ error: StoreError) throws(StoreError) -> Bool {
    if error.code == .damaged { return true }
    guard error.code == .unsupportedFormat else { return false }
    let directory = try PosixFileSystem().openDirectory(path, creating: nil)
    guard let file = try directory.open(StoreHeader.name, forWriting: false) else { return false }
    let window = FileWindow(file, byteCount: try file.byteCount())
    guard let view = try window.bytes(at: 0, StoreHeader.byteCount) else { return false }
    if StoreHeader.hasItsChecksum(view) { return false }
    return try headerFromSegments(directory)?.isCertain == true
  }

  /// - Returns: what the first segment whose header is whole says, for certain; or a header that serves to find records
  ///   by their checksums; `nil` if there are no segments.
  private static func headerFromSegments(
    _ directory: any Directory
  ) throws(StoreError) -> (header: StoreHeader, isCertain: Bool)? {
    var isThere = false
    for number in try directory.names().compactMap(SegmentHeader.number).sorted() {
      guard let file = try directory.open(SegmentHeader.name(number), forWriting: false) else { continue }
      let window = FileWindow(file, byteCount: try file.byteCount())
      guard let view = try window.bytes(at: 0, SegmentHeader.byteCount, readAhead: 0) else { continue }
      if let segment = try? SegmentHeader(decoding: view, file: file.path) {
        return (StoreHeader(identifier: segment.store, hashSeed: 0, created: segment.created), true)
      }
      isThere = true
    }
    if !isThere { return nil }
    return (StoreHeader(identifier: StoreIdentifier(low: 0, high: 0), hashSeed: 0, created: 0), false)
  }

  /// What to say about a directory without the file that makes it a store.
  private static func noStore(_ directory: any Directory) throws(StoreError) -> StoreError {
    for number in try directory.names().compactMap(SegmentHeader.number) {
      // A creation that was interrupted leaves a first segment without records, and no more.
      let name = SegmentHeader.name(number)
      guard let file = try directory.open(name, forWriting: false) else { continue }
      let window = FileWindow(file, byteCount: try file.byteCount())
      let first = try window.bytes(at: SegmentHeader.recordsStart, RecordHeader.byteCount, readAhead: 0)
      if number > 1 || !(first?.isZero(0, RecordHeader.byteCount) ?? true) {
        return .damaged("the file \(StoreHeader.name) is missing, and segments are there", file: directory.path)
      }
    }
    return StoreError(.notAStore, "there is no store in this directory", file: directory.path)
  }

  func filePath(_ name: String) -> String { path + "/" + name }

  /// The file of a segment, also if it has been removed since the segments were listed; `nil` if there is none.
  func openSegment(_ number: UInt64) throws(StoreError) -> (any File)? {
    if let file = held[number] { return file }
    return try directory.open(SegmentHeader.name(number), forWriting: false)
  }

  /// The segments as they are at this moment: a writer adds some, and takes some away.
  func segments(isHolding: Bool = false) throws(StoreError) -> SegmentList {
    try SegmentList(self, isHolding: isHolding)
  }

  /// What to say of a segment that was there, and is not any more.
  func missing(_ number: UInt64) throws(StoreError) -> StoreError {
    let file = filePath(SegmentHeader.name(number))
    if try segments().gone.range(of: number) == nil { return .damaged("a segment is missing", file: file) }
    return StoreError(
      .historyGone, "the segment has been compacted while the store was being read: try again", file: file)
  }

  /// Names that are no part of a store: left over by an interrupted write, or put there by somebody else.
  func otherNames() throws(StoreError) -> (temporary: [String], foreign: [String]) {
    var result: (temporary: [String], foreign: [String]) = ([], [])
    for name in try directory.names().sorted() {
      if Self.isOwn(name) { continue }
      if name.hasSuffix(Self.temporarySuffix) && Self.isOwn(String(name.dropLast(Self.temporarySuffix.count))) {
        result.temporary.append(name)
      } else {
        result.foreign.append(name)
      }
    }
    return result
  }

  private static func isOwn(_ name: String) -> Bool {
    name == lockName || name == newsName || ViewHeader.isName(name) || hasChecksums(name)
  }

  /// Whether a file of this name holds what the store knows.
  static func hasChecksums(_ name: String) -> Bool {
    name == StoreHeader.name || name == CheckpointHeader.name || name == GoneSegments.name
      || SegmentHeader.number(name) != nil
  }

  /// Whether somebody has the store open for writing.
  enum Lock: Equatable {
    case free
    /// By whom, as they wrote it down.
    case held(String)
    /// Its file may not be looked at.
    case unknown
  }

  func lock() throws(StoreError) -> Lock {
    do throws(StoreError) {
      return try lockHolder().map { .held($0) } ?? .free
    } catch {
      guard error.code == .permissionDenied else { throw error }
      return .unknown
    }
  }

  private func lockHolder() throws(StoreError) -> String? {
    guard try PosixFileSystem().isLocked(filePath(Self.lockName)) else { return nil }
    guard let file = try directory.open(Self.lockName, forWriting: false) else { return nil }
    let window = FileWindow(file, byteCount: min(try file.byteCount(), 256))
    let text = try window.bytes(at: 0, window.byteCount)?.array().prefix { $0 != UInt8(ascii: "\n") } ?? []
    return text.isEmpty ? "an unknown process" : String(decoding: text, as: UTF8.self)
  }

  /// Sizes of all files together. Space that is reserved counts, as it does on the disk.
  func byteCountOnDisk() throws(StoreError) -> Int { try byteCount { _ in true } }

  /// - Parameter first: those with lower numbers do not count. Nor do those that are gone.
  func byteCountOfSegments(from first: UInt64 = 0) throws(StoreError) -> Int {
    let gone = try segments().gone
    return try byteCount { name in
      SegmentHeader.number(name).map { $0 >= first && gone.range(of: $0) == nil } ?? false
    }
  }

  private func byteCount(where isCounted: (String) -> Bool) throws(StoreError) -> Int {
    var sum = 0
    for name in try directory.names() where isCounted(name) {
      // What is no regular file takes no space worth telling; what has just gone, none at all.
      guard let file = try? directory.open(name, forWriting: false) else { continue }
      // Lengths may be anything in a hostile directory.
      sum = sum.addingReportingOverflow(try file.byteCount()).partialValue
    }
    return sum
  }
}
