internal import Synchronization

/// A store that is open: the log, the index over it, and who may do what when.
///
/// - *Readers* (`Engine+Read`) take no lock. They go by `index`, `segments` and `alive`, inside of a read guard.
/// - *The writer*, whoever has the turn of `queue`, alone touches `log`, `staged` and changes the index.
/// - *The background thread* (`Engine+Background`) maps sealed segments, syncs them, prepares the next one, flushes
///   relaxed writes and writes checkpoints; it takes the turn where it touches what is the writer's.
/// - `catalog` is what the writer and the background thread share about segments, under its own lock.
final class Engine: @unchecked Sendable {  // As above.
  let directory: any Directory
  let options: Store.Options
  let header: StoreHeader
  let clock: ExpiryClock
  let segments: SegmentTable
  let index: HashIndex
  let queue = CommitQueue()
  let gate = Reclaimer.shared.gate
  let catalog: Locked<SegmentCatalog>
  /// Held while a file of the log is synced, with the first failure of that: see `sync(_:)`.
  let syncing = Locked<StoreError?>(nil)
  /// Held while the next segment is made.
  let preparation = Locked(())
  /// Held while sealed segments are mapped.
  let sealing = Locked(())
  /// Held while a checkpoint is written.
  let checkpointing = Locked(())
  /// Held while what views keep is written or read; the bytes of their files.
  let keeping = Locked<[String: Int]>([:])
  /// Of all their files.
  let viewBytes = Atomic(0)
  /// Held for a round of compaction.
  let compacting = Locked(CompactionState())
  /// Segments that are gone, but for those who still read from them.
  let pins = Locked(SegmentPins())
  /// Tells followers.
  let news = OptionalWords()
  /// A follower's.
  let heard = Locked(Heard())
  /// Snapshots of earlier sequences have not been kept.
  let snapshotsStart = Atomic<UInt64>(0)
  /// What they hide is still in the index.
  let barriers: Barriers
  let barrierWord: BarrierWord
  /// Held while it is taken out.
  let sweeping = Locked(Sweep())
  /// What snapshots see, and the index has no more.
  let overwritten = Overwritten()
  /// Tasks that wait for the next change, and whether there are any.
  let watchers = Locked(Watchers())
  let isWatched = Atomic(false)
  /// Puts that wait for compaction to make room.
  let spaceWaiters = Atomic(0)
  /// What had been gained (``gained``) when an operation was refused last.
  let gainedAtRefusal = Atomic(0)
  /// Whether compaction is at work.
  let isCompacting = Atomic(false)
  /// Raised by a close, for those who sleep.
  let closing = WaitWord()
  let buffers: StagingBuffers
  let codec: ValueCodec
  let dictionaries: DictionaryTable
  /// How well values compress, and what they are compressed with.
  let learning: Locked<DictionaryLearning>
  /// Held while a dictionary is trained.
  let training = Locked(())
  let counters: AtomicWords
  /// Bytes of live records per segment slot.
  let liveBytes: AtomicWords
  /// Bytes of removes per segment slot: they count until compaction finds that they hide nothing.
  let removeBytes: AtomicWords
  /// 1 while the store may be used; 0 after a close, and in forked children.
  let alive: LifeMark
  /// Held until the store is closed; `nil` if it is open read-only.
  var lock: (any File)?
  var background: BackgroundThread?
  var flusher: BackgroundThread?
  /// With the turn.
  var compactor: BackgroundThread?

  /// With the turn: the memory has been given back.
  var isReleased = false

  /// What a read-only open found damaged.
  var damage: StoreError?

  // The writer's.
  var log = LogState()
  /// The sequences that snapshots were taken at, and whether there are any.
  var snapshots: [UInt64] = []
  let hasSnapshots = Atomic(false)
  /// When the live entries of each segment end.
  var deadlines = DeadlineBook()
  /// Earlier versions that compaction keeps, if any are to be kept.
  var book: VersionBook
  /// What is kept by it; without the turn.
  let keepRule: VersionBook.Rule
  let keepsVersions: Bool
  let views: [any StoreView]
  /// Those by which changes have consequences.
  let consequential: [any StoreView]
  /// What goes in the commit that is under way before what it is asked for, and whether there is anything.
  var alongside: [Removal] = []
  /// Operations encoded by the commit that is under way, not yet published.
  let staged = StagedOperations()

  /// What the files have, as an address (``LogAddress``) of the active segment; only ever raised.
  let flushed = Atomic<UInt64>(0)
  /// Room has been made in the background up to this address (``LogAddress``).
  let extended = Atomic<UInt64>(0)
  /// All committed operations lie below this address (``LogAddress``).
  let published = Atomic<UInt64>(0)
  /// Segments before this one are durable.
  let firstUnsynced = Atomic<UInt64>(0)

  init(
    directory: any Directory, options: Store.Options, header: StoreHeader, lock: (any File)?
  ) throws(StoreError) {
    self.directory = directory
    var options = options
    if let spaceLimit = options.spaceLimit {
      options.segmentBytes = min(
        options.segmentBytes, max(spaceLimit / 16 & ~4095, Store.Limits.segmentBytes.lowerBound))
    }
    self.options = options
    self.header = header
    self.lock = lock
    clock = ExpiryClock(options.clock)
    book = VersionBook(options)
    keepRule = book.rule
    keepsVersions = options.keepVersions > 0 || options.keepVersionsFor != nil
    views = options.views
    consequential = options.views.filter { $0.hasConsequences }
    catalog = Locked(SegmentCatalog(store: header.identifier))
    barriers = Barriers()
    barrierWord = barriers.reading
    segments = try SegmentTable()
    index = try HashIndex(seed: header.hashSeed, segments: segments)
    buffers = StagingBuffers(byteCount: options.segmentBytes)
    counters = try AtomicWords(count: Counter.allCases.count)
    liveBytes = try AtomicWords(count: Store.Limits.segments + 1)
    removeBytes = try AtomicWords(count: Store.Limits.segments + 1)
    alive = try LifeMark()
    codec = ValueCodec(alive)
    dictionaries = try DictionaryTable()
    learning = Locked(DictionaryLearning(options))
  }

  var isReadOnly: Bool { options.access == .readOnly }

  func random() throws(StoreError) -> UInt64 { try System.random(options.randomNumber) }

  @inline(__always)
  func count(_ counter: Counter, _ difference: Int = 1) { counters.add(Int64(difference), at: counter.rawValue) }

  func total(_ counter: Counter) -> Int { Int(truncatingIfNeeded: counters.load(counter.rawValue)) }
}

/// Files that are being written end so; what an interruption has left of them is removed by the next open.
let temporarySuffix = ".tmp"

/// Counters that one thread at a time changes and any may read.
enum Counter: Int, CaseIterable {
  case liveEntries, lastSequence, commits, groups, groupedCommits, largestGroup, syncs, bytesAppended
  case dictionariesTrained, trainingsFailed
  case hiddenEntries, hiddenBytes
  case bytesMoved, reclaimedBytes, compactedSegments, compactionsFailed, unmovableSegments, keptVersions, keptBytes
  case checkpointsWritten, checkpointsFailed, checkpointBytes
  case replayedRecords, replayedBytes, recoveryNanoseconds, tornBytes, rebuilt
}

/// The writer's end of the log.
struct LogState {
  /// The active segment.
  var segment: UInt64 = 0
  var salt: UInt64 = 0
  var epoch: UInt64 = 0
  var file: (any File)?
  /// Its staging buffer, which the catalog owns.
  var memory = MemoryView.empty
  /// Where the next record goes.
  var position = 0
  /// What is known to be on the disk.
  var durable = 0
  /// Where it ended when it was last closed cleanly, if it was.
  var closedAt: Int?
  /// Space of the file below this is reserved.
  var reserved = 0
  /// Pages of memory below this are present.
  var populated = 0
  /// Records that end below this are written without further ado. At most ``available``; less where more room should
  /// be asked for in time.
  var ready = 0
  var lastSequence: UInt64 = 0
  /// What new values are compressed with; the active segment has it. Only ``Engine/adopt(_:)`` changes it.
  var dictionary: ValueDictionary?
  /// The checksum of the record before `position`.
  var lastChecksum: UInt64 = 0
  var lastOffset = 0
  /// The first failure; from then on nothing is written.
  var failure: StoreError?
  /// The disk was full before anything of an operation was written.
  var hasNoRoom = false
  /// Bytes of log that this session has written.
  var bytesAppended: UInt64 = 0
  /// Bytes of log since the last checkpoint, and whether one has been asked for.
  var bytesSinceCheckpoint = 0
  var isCheckpointDue = false
  var isPreparationDue = false
  /// Where replay begins with the checkpoint that is on the disk; as far as can be, if there is none.
  var checkpointSequence = UInt64.max
  /// When so much has been appended, compaction looks whether there is something to do.
  var nextLook: UInt64 = 0
  /// How long the thread with the turn is to wait when it has given it back.
  var wait: Int64 = 0

  var address: UInt64 { LogAddress.make(segment, position) }
  /// Memory below this is there, and space is reserved.
  var available: Int { min(reserved, populated) }

  func wholePages(_ byteCount: Int) -> Int { (byteCount + 4095) & ~4095 }
}

/// A place in the log as one word that can be compared: the segment in the upper half, the offset / 8 in the lower.
enum LogAddress {
  static func make(_ segment: UInt64, _ offset: Int) -> UInt64 { segment << 32 | UInt64(offset / 8) }
  static func segment(_ address: UInt64) -> UInt64 { address >> 32 }
  static func offset(_ address: UInt64) -> Int { Int(address & 0xFFFF_FFFF) * 8 }
}

/// What is known about each segment, and what owns its memory.
struct SegmentCatalog {
  struct Segment {
    let number: UInt64
    /// Sequence of its first operation, or of the first one after it.
    let firstSequence: UInt64
    let salt: UInt64
    /// Where its last record ends; `nil` while it is appended to.
    var end: Int?
    var memory: Mapping
    /// Kept until its content is durable and mapped.
    var file: (any File)?
    /// Whether readers get its content from the file, no longer from the staging buffer.
    var isMapped = false
    var isDurable = false
    /// Whether it was there before the store was opened: the staging buffer then begins with pages of the file.
    var isResumed = false
    /// Of the record with its dictionary, if it has one.
    var dictionaryBytes = 0
  }

  /// In order of their numbers.
  var segments: [Segment] = []
  /// Numbers between them that had segments once.
  var gone: GoneSegments
  /// What the segments of the checkpoint that is on the disk are called in it.
  var checkpointSlots: Set<Int> = []
  /// Whether pages that are not in memory are read one by one.
  var isLargerThanMemory = false
  /// The next segment, header written and synced.
  var prepared: PreparedSegment?

  init(store: StoreIdentifier) { gone = GoneSegments(store: store) }

  func index(of number: UInt64) -> Int? {
    let index = index(notBefore: number)
    return index < segments.count && segments[index].number == number ? index : nil
  }

  /// Of the first segment that has this number or a greater one.
  func index(notBefore number: UInt64) -> Int {
    var (low, high) = (0, segments.count)
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The number for the segment behind that one: its slot must not be in use (F1-WRT-009).
  func number(after number: UInt64, besides pinned: [Int] = []) -> UInt64? {
    let slots = checkpointSlots.union(pinned).union(segments.map { SegmentTable.slot($0.number) })
    return (1...UInt64(Store.Limits.segments + 1)).lazy.map { number + $0 }
      .first { SegmentHeader.isNumber($0) && !slots.contains(SegmentTable.slot($0)) }
  }
}

struct PreparedSegment {
  let header: SegmentHeader
  let file: any File
  let reserved: Int
}

/// Staging buffers to use again: fresh pages cost more than what is written to them.
final class StagingBuffers: Sendable {
  let byteCount: Int
  private let free = Locked<[Mapping]>([])

  init(byteCount: Int) { self.byteCount = byteCount }

  func take(atLeast needed: Int) throws(StoreError) -> Mapping {
    if needed <= byteCount, let buffer = free.withLock({ $0.popLast() }) { return buffer }
    return try System.allocate(byteCount: max(needed, byteCount))
  }

  /// Takes a buffer back when no reader is in it any more.
  func giveBack(_ buffer: Mapping, reusable: Bool) {
    if reusable && buffer.byteCount == byteCount {
      Reclaimer.shared.retire(Returned(buffer: buffer, to: self))
    } else {
      Reclaimer.shared.retire(buffer)
    }
  }

  private final class Returned: Sendable {
    let buffer: Mapping
    let owner: StagingBuffers

    init(buffer: Mapping, to owner: StagingBuffers) {
      self.buffer = buffer
      self.owner = owner
    }

    deinit {
      // One spare is enough: while a segment is filled, the one before it is sealed.
      let buffer = buffer
      owner.free.withLock { if $0.isEmpty { $0.append(buffer) } }
    }
  }
}
