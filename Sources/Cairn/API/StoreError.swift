/// What went wrong, where, and what to do about it.
///
/// Every function of the engine throws this type and no other, but for what a closure given to it throws. A key that is
/// not there is no error: reads return `nil`.
public struct StoreError: Error, Equatable, Sendable {
  /// What kind of failure it is. Raw values are stable: tools print them and tests compare them.
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// There is no store at the path, and the options forbid to create one; or a parent folder is missing.
    public static let notFound = Code(rawValue: 1)
    /// The path is not a directory, or a directory that holds something else.
    public static let notAStore = Code(rawValue: 2)
    /// Another process, or this one, has the store open for writing.
    public static let locked = Code(rawValue: 3)
    /// The store has been closed.
    public static let closed = Code(rawValue: 4)
    /// The process was forked after the store was opened; open it again in the child.
    public static let usedAfterFork = Code(rawValue: 5)
    /// A write to a store that was opened read-only.
    public static let readOnly = Code(rawValue: 6)
    /// A key of no bytes.
    public static let emptyKey = Code(rawValue: 7)
    /// A key over ``Store/Limits/keyBytes``.
    public static let keyTooLong = Code(rawValue: 8)
    /// A value over ``Store/Limits/valueBytes``.
    public static let valueTooLarge = Code(rawValue: 9)
    /// A batch over ``Store/Limits/batchBytes``.
    public static let batchTooLarge = Code(rawValue: 10)
    /// An option outside of its limits.
    public static let invalidOption = Code(rawValue: 11)
    /// Bytes on disk are not what was written: a checksum fails, a file is cut short, missing or of another store.
    public static let damaged = Code(rawValue: 12)
    /// The store was written by a newer version in a way that this one cannot read.
    public static let unsupportedFormat = Code(rawValue: 13)
    /// An earlier write, sync or rename failed: reads go on, writes are refused until the store is opened again.
    public static let writerFailed = Code(rawValue: 14)
    /// The file system, or a quota, is full.
    public static let noSpace = Code(rawValue: 15)
    /// The operating system denies access.
    public static let permissionDenied = Code(rawValue: 16)
    /// A system call failed in another way; see ``StoreError/systemError``.
    public static let system = Code(rawValue: 17)
    /// The store has used up a number that cannot grow: its segments or its sequences.
    public static let storeFull = Code(rawValue: 18)
    /// The changes asked for are no longer, or not yet, in the log.
    public static let historyGone = Code(rawValue: 19)
    /// The store is as large as its options allow, and compaction could give nothing back. Removes are still taken.
    public static let spaceLimit = Code(rawValue: 20)
    /// A key was given twice where each may be there once.
    public static let duplicateKey = Code(rawValue: 21)

    /// A view of the store is still being made; ask again later.
    public static let notReady = Code(rawValue: 22)
    /// A pattern that is none; ``StoreError/byteOffset`` tells where in it.
    public static let invalidPattern = Code(rawValue: 23)
    /// An attribute that is none, is over a limit, or is of another type than was declared.
    public static let invalidAttribute = Code(rawValue: 24)
    /// A query for an attribute that has no index.
    public static let notIndexed = Code(rawValue: 25)
    /// A query that is none; ``StoreError/byteOffset`` tells where in its text.
    public static let invalidQuery = Code(rawValue: 26)

    /// Entries that would be made from themselves, by way of others or not.
    public static let dependencyCycle = Code(rawValue: 27)

    static let names: [Code: String] = [
      .notFound: "notFound", .notAStore: "notAStore", .locked: "locked", .closed: "closed",
      .usedAfterFork: "usedAfterFork", .readOnly: "readOnly", .emptyKey: "emptyKey", .keyTooLong: "keyTooLong",
      .valueTooLarge: "valueTooLarge", .batchTooLarge: "batchTooLarge", .invalidOption: "invalidOption",
      .damaged: "damaged", .unsupportedFormat: "unsupportedFormat", .writerFailed: "writerFailed",
      .noSpace: "noSpace", .permissionDenied: "permissionDenied", .system: "system", .storeFull: "storeFull",
      .historyGone: "historyGone", .spaceLimit: "spaceLimit",
      .duplicateKey: "duplicateKey", .notReady: "notReady", .invalidPattern: "invalidPattern",
      .invalidAttribute: "invalidAttribute", .notIndexed: "notIndexed", .invalidQuery: "invalidQuery",
      .dependencyCycle: "dependencyCycle",
    ]

    public var description: String { Code.names[self] ?? "code \(rawValue)" }
  }

  /// Boxed, so that a throwing function returns one word.
  private final class Details: Sendable {
    let message: String
    let file: String?
    let byteOffset: Int?
    let systemError: Int32?
    let keyPrefix: [UInt8]?

    init(message: String, file: String?, byteOffset: Int?, systemError: Int32?, keyPrefix: [UInt8]?) {
      self.message = message
      self.file = file
      self.byteOffset = byteOffset
      self.systemError = systemError
      self.keyPrefix = keyPrefix
    }
  }

  public let code: Code
  private let details: Details

  /// What happened and what to do, as a sentence without place or key.
  public var message: String { details.message }
  /// The file or directory concerned.
  public var file: String? { details.file }
  /// Where in ``file``, in bytes from its start.
  public var byteOffset: Int? { details.byteOffset }
  /// The `errno` of the system call that failed.
  public var systemError: Int32? { details.systemError }
  /// The first bytes (at most 32) of the key concerned.
  public var keyPrefix: [UInt8]? { details.keyPrefix }

  @inline(never)
  package init(
    _ code: Code, _ message: String, file: String? = nil, byteOffset: Int? = nil, systemError: Int32? = nil,
    keyPrefix: [UInt8]? = nil
  ) {
    self.code = code
    details = Details(
      message: message, file: file, byteOffset: byteOffset, systemError: systemError, keyPrefix: keyPrefix)
  }

  public static func == (a: StoreError, b: StoreError) -> Bool {
    a.code == b.code && a.message == b.message && a.file == b.file && a.byteOffset == b.byteOffset
      && a.systemError == b.systemError && a.keyPrefix == b.keyPrefix
  }

  /// The same error seen from a writer that it has stopped.
  func asWriterFailure() -> StoreError {
    if code == .writerFailed { return self }
    return StoreError(
      .writerFailed, "an earlier write failed (\(message)); reads go on, open the store again to write", file: file,
      byteOffset: byteOffset, systemError: systemError)
  }

  @inline(never)
  package static func damaged(_ message: String, file: String?, at byteOffset: Int? = nil) -> StoreError {
    StoreError(.damaged, message, file: file, byteOffset: byteOffset)
  }
}

extension StoreError: CustomStringConvertible {
  /// A sentence for people: what happened, where, what to do.
  public var description: String {
    var text = message
    if let keyPrefix {
      text += " (key \"\(Self.readable(keyPrefix))\"\(keyPrefix.count == 32 ? "…" : ""))"
    }
    if let file, !file.isEmpty { text += ": \(file.count > 1000 ? file.prefix(1000) + "…" : file[...])" }
    if let byteOffset { text += " at byte \(byteOffset)" }
    return "\(text) [\(code)]"
  }

  /// Text as it is; bytes that are none, and what a terminal might obey, as `\xNN`.
  private static func readable(_ bytes: [UInt8]) -> String {
    var text = ""
    var rest = bytes[...]
    while let first = rest.first {
      // The longest scalar has four bytes; one that is cut off decodes as none.
      let scalar = (1...min(4, rest.count)).lazy.compactMap { count in
        String(validating: rest.prefix(count), as: UTF8.self)?.unicodeScalars.first.map { ($0, count) }
      }.first
      if let (scalar, count) = scalar, scalar.value >= 32, scalar.value != 127, !(0x80..<0xA0).contains(scalar.value),
        !scalar.properties.isDefaultIgnorableCodePoint
      {
        text += scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : String(scalar)
        rest = rest.dropFirst(count)
      } else {
        text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16)
        rest = rest.dropFirst()
      }
    }
    return text
  }
}
