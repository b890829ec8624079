public import Cairn

/// How a cache is: what it may hold, what it gives up first, how long values are good, how they are stored.
public struct CacheOptions: Sendable {
  public var limits: CacheLimits
  /// What goes first when room is needed. A policy of its own for each cache: it is copied.
  public var policy: any EvictionPolicy
  public var lives: CacheLives
  /// How values are stored; `nil`: as the store's options say.
  public var compression: Store.Compression?
  /// What puts have survived when they return; `nil`: as the store's options say.
  public var durability: Store.Durability?
  /// After so long a load is given up: who waits for it gets ``CacheError/timedOut``. `nil`: never.
  public var loadTimeout: Duration?
  /// Called when an entry had to go, by who has put another, before that put returns: with its key as it is on the
  /// disk, without the name of the cache. To give back what belongs to it; it should be quick.
  public var onEviction: (@Sendable (_ key: [UInt8]) -> Void)?

  public init(
    limits: CacheLimits = CacheLimits(), policy: any EvictionPolicy = WTinyLFUPolicy(),
    lives: CacheLives = CacheLives(),
    compression: Store.Compression? = nil, durability: Store.Durability? = nil, loadTimeout: Duration? = nil,
    onEviction: (@Sendable (_ key: [UInt8]) -> Void)? = nil
  ) {
    self.limits = limits
    self.policy = policy
    self.lives = lives
    self.compression = compression
    self.durability = durability
    self.loadTimeout = loadTimeout
    self.onEviction = onEviction
  }

  func validate(_ name: String) throws(StoreError) {
    func check(_ isRight: Bool, _ what: String) throws(StoreError) {
      if !isRight { throw StoreError(.invalidOption, "the cache \"\(name)\": \(what)") }
    }
    try check(limits.entries ?? 1 > 0 && limits.bytes ?? 1 > 0, "limits of entries and bytes must be at least 1")
    try check(limits.cost.map { $0 > 0 && $0.isFinite } ?? true, "a limit of costs must be a number above 0")
    try check(limits.valueShare > 0 && limits.valueShare <= 1, "the share of a value must be above 0, and at most 1")
    for (life, what) in lives.named { try check(life ?? .seconds(1) > .zero, "\(what) must be longer than nothing") }
    try check(lives.jitter >= 0 && lives.jitter < 1, "jitter must be at least 0, and below 1")
    try check(
      lives.refreshAhead.map { $0 > 0 && $0 < 1 } ?? true, "the part of a life to refresh after must be between 0 and 1"
    )
    try check(loadTimeout ?? .seconds(1) > .zero, "a timeout must be longer than nothing")
    try compression?.validate()
  }
}

/// How much a cache may hold. What would exceed one of the limits first makes others go.
public struct CacheLimits: Sendable, Equatable {
  public var entries: Int?
  /// Of the records that its entries have in the log, compressed as they are, with keys and headers (some 70 bytes).
  /// For what the directory of the store may take there is ``Cairn/Store/Options/spaceLimit``, which its caches heed
  /// too.
  public var bytes: Int?
  /// Of the costs that entries are put with; 1 for those that say nothing.
  public var cost: Double?
  /// An entry that takes more than this part of the bytes that there may be is refused, and nothing else goes for it.
  /// As room is made before it is compressed, its bytes are counted without that until it is there.
  public var valueShare: Double

  public init(entries: Int? = nil, bytes: Int? = nil, cost: Double? = nil, valueShare: Double = 0.25) {
    self.entries = entries
    self.bytes = bytes
    self.cost = cost
    self.valueShare = valueShare
  }
}

/// How long values are good.
///
/// | life of an entry | reads | loads |
/// |---|---|---|
/// | up to ``refreshAhead`` of it | have it | have it |
/// | up to its end | have it | have it, and the first one begins to load it anew |
/// | ``staleWhileRevalidate`` longer | do not | have it, and the first one begins to load it anew |
/// | ``staleIfError`` longer | do not | load it, and have the old one where that fails |
public struct CacheLives: Sendable, Equatable {
  /// So long after it was put an entry ends; `nil`: never.
  public var afterWrite: Duration?
  /// So long after it was read or put last, or up to a tenth of it later. What is read is put once more for that when
  /// more than a tenth has passed, and no oftener: so it holds after a crash, too. It has another version then, as
  /// after any put; and such a read waits for writers.
  public var afterAccess: Duration?
  /// Lives end earlier by up to this part of them, each entry by another: what was put together does not end together.
  public var jitter: Double
  /// When this part of an entry's life has passed, the next load reads the source again, beside the readers, who have
  /// the old value meanwhile; `nil`: never.
  public var refreshAhead: Double?
  /// So long after its end a load returns the old value, and reads the source again beside it.
  public var staleWhileRevalidate: Duration?
  /// So long after its end a load that fails returns the old value.
  public var staleIfError: Duration?
  /// Of what a load has found not to be there.
  public var negative: Duration?
  /// So long after a load has failed, no other is begun for a value that there is an old one of.
  public var retryAfter: Duration?

  public init(
    afterWrite: Duration? = nil, afterAccess: Duration? = nil, jitter: Double = 0.05, refreshAhead: Double? = 0.8,
    staleWhileRevalidate: Duration? = nil, staleIfError: Duration? = nil, negative: Duration? = .seconds(60),
    retryAfter: Duration? = .seconds(30)
  ) {
    self.afterWrite = afterWrite
    self.afterAccess = afterAccess
    self.jitter = jitter
    self.refreshAhead = refreshAhead
    self.staleWhileRevalidate = staleWhileRevalidate
    self.staleIfError = staleIfError
    self.negative = negative
    self.retryAfter = retryAfter
  }

  fileprivate var named: [(Duration?, String)] {
    [
      (afterWrite, "the life after a write"), (afterAccess, "the life after a read"),
      (staleWhileRevalidate, "the time in which a value may be stale"),
      (staleIfError, "the time in which a value may be stale after an error"),
      (negative, "the life of what is not there"), (retryAfter, "the time between loads that fail"),
    ]
  }
}
