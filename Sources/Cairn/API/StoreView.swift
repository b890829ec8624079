/// Something that is made from the entries of a store and follows each of its commits: its keys in order, say.
///
/// A view is given to ``Store/Options/views`` of one store. What the log holds is all that counts: a view can be made
/// from it at any time, and holds nothing that is not there.
///
/// Changes come from one thread at a time, in the order of the log. Between ``beginCommit(oldestSnapshot:)`` and
/// ``endCommit(_:)`` the entries of a commit become visible to the readers of the store; a view that holds a lock of
/// its own from the one to the other is never seen to differ from it. These three calls hold up every write: they have
/// to be quick, and must not call the store.
public protocol StoreView: AnyObject, Sendable {
  /// The store has been opened, and nobody else has it yet. Compaction may be at work already. What this throws is
  /// thrown to who opens it.
  func attach(to store: Store) throws(StoreError)
  /// An entry is about to be put with attributes: throws if it must not be. Called by any thread, for attributes that
  /// are not empty; not for what the log has already.
  func check(_ attributes: borrowing EncodedAttributes) throws(StoreError)
  /// Whether changes have consequences by this view; asked once, when the store is opened.
  var hasConsequences: Bool { get }
  /// What has to go in the same commit as some changes: nobody ever sees it together with these, and a crash leaves
  /// both or none. A prefix may be seen to have gone a moment before the rest. Also what follows from that has to be
  /// told: of several views, none is asked for what another has told. Of what is moved or dropped by compaction there
  /// is none. Holds up all writes, and must not call the store.
  ///
  /// - Parameter changes: what is put, removed or invalidated. What goes by a consequence and is put by the commit is
  ///   there afterwards.
  /// - Throws: what is thrown to who writes; nothing is written then. Nor is it if there are more than 16 prefixes, or
  ///   if all of it, with the changes, takes more than ``Store/Limits/batchBytes`` (`.batchTooLarge`).
  func consequences(of changes: [KeySet]) throws(StoreError) -> [Consequence]
  /// A commit, or a group of them, is about to become visible.
  ///
  /// - Parameter oldestSnapshot: the earliest sequence at which anybody still looks; `nil`: only at the newest one.
  func beginCommit(oldestSnapshot: UInt64?)
  /// An entry is put or removed, or all with a prefix are removed.
  func apply(_ change: borrowing EntryChange)
  /// All changes up to this sequence are visible.
  func endCommit(_ sequence: UInt64)
  /// Everything is to be read anew: a follower has been overtaken by compaction. Holds up what the three calls before
  /// do, and must not call the store either.
  func reset()
  /// The store has written a checkpoint, or is about to be closed: the moment to keep something for the next session.
  /// Commits of other threads come meanwhile, and may wait for this one's end: the view holds no lock that they need
  /// while it writes. What cannot be kept is to be made again from the log. Not called if a store is dropped without
  /// being closed.
  func save(to files: ViewFiles)
}

/// A change as a ``StoreView`` is told of it; valid until the call returns that was given it.
public struct EntryChange: ~Escapable {
  public enum Kind: Sendable {
    case put, remove
    /// All entries whose keys begin with ``EntryChange/key`` are gone. Entries that this has done away with are not
    /// told of one by one.
    case invalidate
  }

  public let kind: Kind
  public let key: RawSpan
  /// When an entry that is put ends, in milliseconds since 1970; `nil`: never.
  public let deadline: Int64?
  /// Whether there was an entry before, expired or not, of which more is known: it is not damaged.
  public let isReplacing: Bool
  /// When that one ends.
  public let replacedDeadline: Int64?
  /// The bytes of its key and of its value, uncompressed; 0 if there was none.
  public let replacedByteCount: Int
  /// Of an entry that is put.
  public let attributes: EncodedAttributes
  /// Of an entry that is put: the bytes of its key and of its value, uncompressed.
  public let byteCount: Int
  /// Of an entry that is put: the bytes that its record takes in the log.
  package let recordByteCount: Int
  /// Of the key, as ``Store/hash(of:)`` tells it; not of an invalidation.
  package let hash: UInt64
  /// Of an entry that is put: compaction has moved it, and nothing has changed but where it is.
  package let isMoved: Bool

  /// - Parameter record: of an entry that is put.
  @_lifetime(copy key, copy attributes)
  init(
    _ operation: StagedOperation, key: RawSpan, attributes: RawSpan, record: FoundRecord?,
    replacing replaced: FoundRecord?
  ) {
    kind = operation.isBarrier ? .invalidate : operation.isDelete ? .remove : .put
    self.key = key
    self.attributes = EncodedAttributes(unchecked: attributes)
    byteCount = record.map { $0.header.keyByteCount + $0.valueByteCount } ?? 0
    recordByteCount = record?.header.recordByteCount ?? 0
    hash = operation.hash
    isMoved = record.map { $0.version != $0.header.sequence } ?? false
    deadline = operation.deadline == .max ? nil : operation.deadline
    isReplacing = replaced != nil
    replacedDeadline = replaced?.deadline
    replacedByteCount = replaced.map { $0.header.keyByteCount + $0.valueByteCount } ?? 0
  }
}

extension StoreView {
  public func check(_ attributes: borrowing EncodedAttributes) throws(StoreError) {}
  public var hasConsequences: Bool { false }
  public func consequences(of changes: [KeySet]) throws(StoreError) -> [Consequence] { [] }
}

extension Snapshot {
  /// Those of its store.
  public var views: [any StoreView] { engine.views }

  /// Throws if its store has been closed, or opened by the process that this one was forked from.
  public func checkOpen() throws(StoreError) { if !engine.alive.isSet { throw engine.deadError() } }
}

extension Store {
  /// The views that it was opened with.
  public var views: [any StoreView] { engine.views }

  /// Throws if it has been closed, or opened by the process that this one was forked from.
  public func checkOpen() throws(StoreError) { if !engine.alive.isSet { throw engine.deadError() } }

  /// Whether it was opened so, or follows another process.
  package var isReadOnly: Bool { engine.isReadOnly }
  /// ``now``, for who does not keep the store open.
  package var timeSource: @Sendable () -> Int64 {
    let clock = engine.clock
    return { clock.now() }
  }
  package var spaceLimit: Int? { engine.options.spaceLimit }

  /// The time that deadlines are compared with, in milliseconds since 1970. While the store is open it never goes back.
  public var now: Int64 { engine.clock.now() }
}

extension Engine {
  /// Beside a checkpoint. What a view cannot keep costs time at the next opening, and nothing else.
  func saveViews(isClosing: Bool = false) {
    if isReadOnly { return }
    let files = ViewFiles(engine: self, isClosing: isClosing)
    for view in views { view.save(to: files) }
  }
}
