/// The file in which a view is kept from one session to the next, `view.NAME`: this header, then whatever the view has
/// written. Like the checkpoint of the index it is a cache: whole and of this log, or not looked at.
package struct ViewHeader: Equatable {
  package static let byteCount = 256
  private static let prefix = "view."

  package var store: StoreIdentifier
  /// Of the content; up to the view.
  package var version: UInt32
  /// All changes up to this one are in it; of later ones perhaps some.
  package var sequence: UInt64
  /// None after this one is in it.
  package var endSequence: UInt64
  /// The last record when it was whole: its segment, offset and checksum; zeros if there was none.
  package var segment: UInt64
  package var offset: UInt64
  package var checksum: UInt64
  /// Of the content.
  package var contentBytes: UInt64

  package static func fileName(_ view: String) -> String { prefix + view }

  /// Whether a file of this name is kept by a view.
  package static func isName(_ name: String) -> Bool {
    name.hasPrefix(prefix) && isViewName(name.dropFirst(prefix.count))
  }

  static func isViewName(_ name: some StringProtocol) -> Bool {
    (1...16).contains(name.utf8.count) && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D }
  }

  func encode(into view: MemoryView) {
    view.zero(0, Self.byteCount)
    FormatVersion.begin(view, magic: Magic.view, byteCount: Self.byteCount)
    view.store(store.low, at: 24)
    view.store(store.high, at: 32)
    view.store(version, at: 40)
    view.store(sequence, at: 48)
    view.store(endSequence, at: 56)
    view.store(segment, at: 64)
    view.store(offset, at: 72)
    view.store(checksum, at: 80)
    view.store(contentBytes, at: 88)
    view.store(view.slice(0, Self.byteCount - 8).hash(seed: 0), at: Self.byteCount - 8)
  }

  init(
    store: StoreIdentifier, version: UInt32, sequence: UInt64, endSequence: UInt64, segment: UInt64, offset: UInt64,
    checksum: UInt64, contentBytes: UInt64
  ) {
    self.store = store
    self.version = version
    self.sequence = sequence
    self.endSequence = endSequence
    self.segment = segment
    self.offset = offset
    self.checksum = checksum
    self.contentBytes = contentBytes
  }

  /// `nil` if it is not a whole header of this format version.
  package init?(decoding view: MemoryView) {
    guard FormatVersion.isWhole(view, magic: Magic.view, byteCount: Self.byteCount) else { return nil }
    store = StoreIdentifier(low: view.load(24, as: UInt64.self), high: view.load(32, as: UInt64.self))
    version = view.load(40, as: UInt32.self)
    sequence = view.load(48, as: UInt64.self)
    endSequence = view.load(56, as: UInt64.self)
    segment = view.load(64, as: UInt64.self)
    offset = view.load(72, as: UInt64.self)
    checksum = view.load(80, as: UInt64.self)
    contentBytes = view.load(88, as: UInt64.self)
  }
}
