internal import Cairn
internal import CairnIndex

/// What was found out about files, as long as these are what they were.
///
/// ```swift
/// let words = FileCache(try store.cache("words", codec: .text))
/// let count = try words.value(for: "/usr/share/dict/words", reading: { "\($0.split(separator: 10).count)" })
/// ```
///
/// With each result the identity of the file is kept: when its content and anything about it was changed last, its
/// size, inode and device (``FileIdentity``), as they were before it was read. A result is there as long as all of that
/// is the same: one `lstat` for a check, and nothing is read. Links are not followed.
///
/// A file can be written to twice within one tick of the clock that stamps it, and look the same. So with a result for
/// a file that had been changed less than ``youngNanoseconds`` before, the SHA-256 of its content is kept, and compared
/// once the file is older, and at each check until then.
///
/// Paths are texts, the keys of the cache; best absolute ones. Files whose names are no text, and those of `/proc` and
/// the like, whose stamps say nothing, are not for it.
public struct FileCache<Value: Sendable>: Sendable {
  public let cache: Cache<String, Value>

  /// Coarser than the stamps of any file system that is common.
  public static var youngNanoseconds: Int64 { 2_000_000_000 }

  private static var identityName: String { "@file" }
  private static var digestName: String { "@sha256" }

  /// What time it is for files, in nanoseconds since 1970.
  private let clock: @Sendable () -> Int64

  public init(_ cache: Cache<String, Value>) { self.init(cache, clock: FileAccess.now) }

  init(_ cache: Cache<String, Value>, clock: @escaping @Sendable () -> Int64) {
    (self.cache, self.clock) = (cache, clock)
  }

  // MARK: One file

  /// The result for a file; `nil` if there is none, or the file is not what it was, or not there.
  ///
  /// - Complexity: as ``Cache/value(for:)``, and a system call; for a file that was young, until it has been found to
  ///   be the same once it was not, it is read.
  public func value(for path: String) -> Value? {
    let counters = cache.core.shared.counters
    guard let identity = FileAccess.identity(of: path), let key = cache.keyOrMiss(path) else {
      counters.add(.misses)
      return nil
    }
    switch look(key, identity, noting: true) {
    case .same(let value, digest: nil, _):
      counters.add(.hits)
      return value
    case .same(let value, let digest?, let version):
      guard isSame(path, identity, digest, key, version) else { break }
      counters.add(.hits)
      return value
    case .other: counters.add(.staleMisses)
    case .none: break
    }
    counters.add(.misses)
    return nil
  }

  /// The result for a file: the one that there is, or else what `compute` returns, which is kept. Several who ask at
  /// the same time each compute it.
  ///
  /// - Parameter compute: gets the path. If the file is changed meanwhile, the result is for what it was before, and
  ///   will not be found.
  /// - Throws: what `compute` throws; ``FileCacheError`` if there is no such file.
  public func value(for path: String, computing compute: (_ path: String) throws -> Value) throws -> Value {
    if let value = value(for: path) { return value }
    guard let identity = FileAccess.identity(of: path) else {
      throw FileCacheError(path: path, reason: "there is no regular file")
    }
    let digest = isYoung(identity, at: clock()) ? try digest(of: path).digest : nil
    let value = try compute(path)
    put(value, for: path, identity, digest)
    return value
  }

  /// The same; the content is read for it, whole.
  public func value(for path: String, reading compute: (_ content: [UInt8]) throws -> Value) throws -> Value {
    if let value = value(for: path) { return value }
    var content: [UInt8] = []
    // Before it is read: reading may take long.
    let now = clock()
    let identity = try FileAccess.read(path) { content += [UInt8](copying: $0) }
    let digest = isYoung(identity, at: now) ? hex(SHA256.digest(content)) : nil
    let value = try compute(content)
    put(value, for: path, identity, digest)
    return value
  }

  private func put(_ value: Value, for path: String, _ identity: FileIdentity, _ digest: String?) {
    var attributes: Attributes = [Self.identityName: .string(identity.description)]
    if let digest { attributes[Self.digestName] = .string(digest) }
    cache.put(value, for: path, attributes: attributes)
  }

  // MARK: Many files

  /// What has become of the files below a folder since their results were put.
  public struct Check: Sendable, Equatable {
    /// In the order of their paths, as all of these.
    public internal(set) var unchanged: [String] = []
    public internal(set) var changed: [String] = []
    /// There is no result for them.
    public internal(set) var new: [String] = []
    /// There is a result, and certainly no file.
    public internal(set) var vanished: [String] = []
  }

  /// Compares all files below a folder with those that there are results for: one `lstat` for each, and none is read.
  /// Young ones that look the same are among the unchanged.
  ///
  /// - Throws: as ``Cairn/Store/forEach(_:)``.
  /// - Complexity: all entries of the store, without values, and all files below the folder.
  public func check(below folder: String) throws -> Check {
    var known = try identities(below: folder)
    var check = Check()
    FileAccess.forEach(below: folder) { path, identity in
      guard let key = try? cache.storeKey(path), let text = known.removeValue(forKey: key) else {
        return check.new.append(path)
      }
      if text == identity.description { check.unchanged.append(path) } else { check.changed.append(path) }
    }
    check.vanished = known.keys.map { String(decoding: $0.dropFirst(cache.prefix.count), as: UTF8.self) }
      .filter { FileAccess.look($0) == .none }
    check.unchanged.sort()
    check.changed.sort()
    check.new.sort()
    check.vanished.sort()
    return check
  }

  /// Removes the results for files below a folder that are not there any more. Where the system does not say, as of a
  /// folder that must not be read, they stay. Returns how many went.
  ///
  /// - Throws: as ``Cairn/Store/forEach(_:)`` and ``Cairn/Store/remove(_:durability:)``.
  /// - Complexity: as ``check(below:)``.
  @discardableResult
  public func removeVanished(below folder: String) throws -> Int {
    var count = 0
    for path in try check(below: folder).vanished
    where try cache.store.remove(cache.storeKey(path), cause: .invalidated(by: Self.identityName)) {
      count += 1
    }
    return count
  }

  /// By key in the store.
  private func identities(below folder: String) throws -> [[UInt8]: String] {
    let folder = FileAccess.plain(folder)
    let prefix = try cache.storeKey(folder == "/" ? folder : folder + "/")
    var identities: [[UInt8]: String] = [:]
    try cache.store.forEachWithoutValue { entry in
      guard entry.key.begins(with: prefix) else { return true }
      if case .string(let text)? = Attributes(entry.attributes)[Self.identityName] {
        identities[[UInt8](copying: entry.key)] = text
      }
      return true
    }
    return identities
  }

  // MARK: Inside

  private enum Look {
    case none
    /// The file is another one than it was.
    case other
    /// - Parameter digest: of its content; it was young.
    case same(Value, digest: [UInt8]?, version: UInt64)
  }

  private func look(_ key: [UInt8], _ identity: FileIdentity, noting: Bool) -> Look {
    var (value, digest, isSame): (Value?, [UInt8]?, Bool) = (nil, nil, false)
    let look = cache.core.look(key, noting: noting, evenStale: false) { entry in
      guard let found = Self.identityName.withBytes({ entry.attributes.find($0) }), found.kind == .string,
        identity.description.isSame(entry.attributes.bytes.extracting(found.place))
      else { return }
      isSame = true
      if let found = Self.digestName.withBytes({ entry.attributes.find($0) }) {
        digest = [UInt8](copying: entry.attributes.bytes.extracting(found.place))
      }
      value = try cache.codec.decode(entry.value)
    }
    guard case .value(let found) = look, found.isGood else { return .none }
    guard isSame, let value else { return .other }
    return .same(value, digest: digest, version: found.version)
  }

  private func isYoung(_ identity: FileIdentity, at now: Int64) -> Bool {
    // Whoever writes changes this time, and nobody can set it.
    identity.changed > now - Self.youngNanoseconds
  }

  private func digest(of path: String) throws(FileCacheError) -> (identity: FileIdentity, digest: String) {
    var digest = SHA256()
    let identity = try FileAccess.read(path) { digest.add($0) }
    return (identity, hex(digest.finish()))
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// Whether a file that was young has the content that it had. If it is not young any more, nobody asks again.
  private func isSame(
    _ path: String, _ identity: FileIdentity, _ digest: [UInt8], _ key: [UInt8], _ version: UInt64
  ) -> Bool {
    let isOld = !isYoung(identity, at: clock())
    guard let now = try? self.digest(of: path), now.identity == identity, Array(now.digest.utf8) == digest else {
      return false
    }
    if isOld, let entry = try? cache.store.entry(for: key), entry.version == version {
      var attributes = entry.attributes
      attributes[Self.digestName] = nil
      let expires = entry.deadline.map { Store.Expiry.at(milliseconds: $0) } ?? .never
      _ = try? cache.store.put(
        entry.value, for: key, attributes: attributes, ifVersion: version, expires: expires,
        compression: cache.options.compression, durability: .relaxed)
    }
    return true
  }
}
