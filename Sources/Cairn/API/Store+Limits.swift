extension Store {
  /// Every maximum of the store, in one place, enforced when writing and when reading.
  public enum Limits {
    /// Longest key in bytes: records store its length in 16 bits. The shortest is 1 byte.
    public static let keyBytes = 65_535
    /// Largest value in bytes (1 GiB). The smallest is 0 bytes.
    public static let valueBytes = 1 << 30
    /// Largest batch, as it is encoded in the log: 64 MiB. Each entry takes its key, its value, 32 bytes (40 with an
    /// expiry), and up to 7 bytes of padding. A batch of a single entry may be as large as the largest value.
    public static let batchBytes = 64 << 20
    /// Sizes that a segment may be given: an entry of the index addresses 128 MiB of each.
    public static let segmentBytes = 64 << 10...128 << 20
    /// The smallest limit that a store's size can be given: 16 of the smallest segments.
    public static let spaceLimitLeast = 1 << 20
    /// Segments that a store can have: an entry of the index has 16 bits for them, and zero means none.
    public static let segments = 65_535
    /// Longest name of an attribute in bytes. The shortest is 1 byte.
    public static let attributeNameBytes = 64
    /// All attributes of an entry: 4 bytes each, its name, and its value: 8 bytes of numbers and dates, the bytes of a
    /// string, those of each tag and 1.
    public static let attributesBytes = 1998
  }
}
