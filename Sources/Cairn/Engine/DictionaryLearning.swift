/// What a writer knows of its small values: when to train a dictionary, and whether the one that there is still fits.
///
/// One is trained when 2 MiB have been put, and again whenever four times as much has been put as at the last time:
/// then there is more to go by, and it may be larger. Besides, of every 16 MiB, the ratio to what was stored of them is
/// compared with that of the training, and where it is a fifth worse, another one is trained. If that is not better,
/// the ratio is what is to be expected from then on, and the next look is after twice as much.
struct DictionaryLearning {
  /// What new small values are compressed with: `LogState.dictionary`, for those who have not the turn.
  var current: ValueDictionary?
  /// Of all values since the store was opened that could be compressed: their bytes, and what was stored of them.
  private(set) var rawBytes = 0
  private(set) var storedBytes = 0
  /// The same since the ratio was last looked at.
  private var recentRawBytes = 0
  private var recentStoredBytes = 0
  /// Stored by raw bytes that the dictionary is good for; `nil`: what comes first tells.
  private var expected: Double?
  /// When so many bytes have been put, a dictionary is trained, whatever the ratio is.
  private var nextBytes: Int
  private(set) var isAsked = false
  /// Trainings in vain since the last dictionary: values that come in turns must not be trained on for ever.
  private var inVain = 0
  /// What a dictionary may have at most: a segment begins with it.
  let dictionaryBytes: Int
  /// And at the first time; the amounts above go by this.
  private let firstBytes: Int

  /// Four times what zstd's makers advise: of Debian's packages as JSON, level 3 stores 0.338 with it, headers and
  /// dictionary included, and 0.347 with a quarter. Decompression takes no longer.
  private static let bytesMax = 448 << 10
  private static let firstBytesMax = 112 << 10
  private static let segmentShare = 64
  /// A dictionary is trained on so many bytes for each of its own, or more.
  static let leastFactor = 16
  private static let firstFactor = 18
  private static let growth = 4
  private static let windowFactor = 144
  private static let doublingsMax = 8
  private static let decay = 1.2

  init(_ options: Store.Options) {
    dictionaryBytes = min(Self.bytesMax, options.segmentBytes / Self.segmentShare)
    firstBytes = min(Self.firstBytesMax, dictionaryBytes)
    nextBytes = Self.firstFactor * firstBytes
  }

  /// Goes on with a dictionary of an earlier session.
  mutating func resume(_ dictionary: ValueDictionary) {
    current = dictionary
    let isLarge = dictionary.byteCount >= dictionaryBytes / Self.growth
    nextBytes = isLarge ? .max : Self.growth * Self.firstFactor * max(dictionary.byteCount, firstBytes)
  }

  /// Takes a value into account. Returns whether a dictionary is to be trained now.
  mutating func note(raw: Int, stored: Int) -> Bool {
    rawBytes &+= raw
    storedBytes &+= stored
    recentRawBytes &+= raw
    recentStoredBytes &+= stored
    if isAsked { return false }
    isAsked = rawBytes >= nextBytes || hasDecayed()
    return isAsked
  }

  private mutating func hasDecayed() -> Bool {
    guard current != nil, recentRawBytes >= (Self.windowFactor * firstBytes) << min(inVain, Self.doublingsMax) else {
      return false
    }
    let ratio = Double(recentStoredBytes) / Double(recentRawBytes)
    (recentRawBytes, recentStoredBytes) = (0, 0)
    let before = expected ?? ratio
    expected = before
    return ratio > before * Self.decay
  }

  /// The training is over, with this dictionary and what it made of values that it had not seen, or in vain.
  mutating func finish(_ dictionary: ValueDictionary?, ratio: Double?) {
    if dictionary != nil { inVain = 0 } else if isAsked && current != nil { inVain += 1 }
    isAsked = false
    (recentRawBytes, recentStoredBytes) = (0, 0)
    nextBytes = max(rawBytes, Self.firstFactor * firstBytes) &* Self.growth
    expected = ratio
    if let dictionary { current = dictionary }
  }
}
