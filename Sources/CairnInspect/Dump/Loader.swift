package import Cairn
internal import Glibc

/// Input that is not what it should be; the sentence says where.
package struct InputError: Error {
  package let message: String
  init(_ message: String) { self.message = message }
}

/// Puts the entries of a dump into a store, which is opened for the first of them: input that is no dump makes none.
///
/// What is there already, with the same value, deadline and attributes, is not written again: so a load that was
/// interrupted is gone on with by running it again.
package struct Loader {
  package private(set) var lines = 0
  /// The first so many lines are in the store.
  package private(set) var linesLoaded = 0
  /// Entries that were written, and those that were there.
  package private(set) var written = 0
  package private(set) var unchanged = 0
  /// Entries whose time was up.
  package private(set) var expired = 0
  private let open: () throws(StoreError) -> Store
  private var writer: BatchWriter?
  private let now: Int64
  /// Of a line whose end has not come yet, without the blanks that it begins with.
  private var line: [UInt8] = []
  private var blanks = 0
  private let name: String

  /// The longest line of an entry within the store's limits: each byte takes at most six characters, the names and
  /// numbers not so many, and an attribute 30 besides its bytes, of which it has 5 at least.
  static let lineBytesMax =
    6 * (Store.Limits.valueBytes + Store.Limits.keyBytes + 2 * Store.Limits.attributesBytes) + 1024
  /// Room for lines that is kept.
  private static let lineBytesKept = 1 << 20

  /// - Parameters:
  ///   - name: of the input, for errors.
  ///   - open: opens the store.
  package init(from name: String, to open: @escaping () throws(StoreError) -> Store) {
    self.open = open
    self.name = name
    now = SystemClock().wallMilliseconds()
  }

  /// Takes the next bytes of the input.
  ///
  /// - Throws: `InputError` with the number of a line that is none of a dump; what the store throws. `stop` is to be
  ///   called then.
  package mutating func take(_ bytes: ArraySlice<UInt8>) throws {
    let bytes = bytes.span
    var start = 0
    while let end = Self.lineFeed(in: bytes, from: start) {
      if line.isEmpty {
        try takeLine(bytes.extracting(start..<end))
      } else {
        try gather(bytes.extracting(start..<end))
        try takeGathered()
      }
      blanks = 0
      lines += 1
      start = end + 1
    }
    try gather(bytes.extracting(start..<bytes.count))
  }

  private static func lineFeed(in bytes: Span<UInt8>, from start: Int) -> Int? {
    unsafe bytes.withUnsafeBytes { (bytes) -> Int? in
      guard start < bytes.count, let base = bytes.baseAddress else { return nil }
      // SAFETY: the rest of the span's own bytes.
      guard let found = unsafe memchr(base + start, 0x0A, bytes.count - start) else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  /// Keeps a part of a line. What cannot become an object is refused at once: input that is no dump may have no line
  /// feed at all.
  private mutating func gather(_ part: Span<UInt8>) throws {
    var start = 0
    if line.isEmpty {
      while start < part.count, DumpParser.isSpace(part[start]) { start += 1 }
      blanks += start
      if start == part.count { return }
      guard part[start] == UInt8(ascii: "{") else { throw error("{ is expected here, at character \(blanks + 1)") }
    }
    guard part.count - start <= Self.lineBytesMax - line.count else {
      throw error("the line is longer than any entry's")
    }
    part.extracting(start..<part.count).append(to: &line)
  }

  private mutating func takeGathered() throws {
    // Taken away, so that a long one is given back before its value goes to the store.
    var text: [UInt8] = []
    swap(&text, &line)
    let entry = try parse(text.span)
    if text.capacity <= Self.lineBytesKept {
      text.removeAll(keepingCapacity: true)
      swap(&text, &line)
    }
    text = []
    if let entry { try put(entry) }
  }

  private mutating func takeLine(_ text: Span<UInt8>) throws {
    if let entry = try parse(text) { try put(entry) }
  }

  private func error(_ message: String) -> InputError {
    InputError("line \(lines + 1) of \(name): \(message)")
  }

  /// The entry of a line; `nil` if it is blank.
  private func parse(_ text: Span<UInt8>) throws -> DumpLine? {
    var at = 0
    while at < text.count, DumpParser.isSpace(text[at]) { at += 1 }
    if at == text.count { return nil }
    let entry: DumpLine
    do throws(DumpError) { entry = try DumpParser.parse(text) } catch {
      throw self.error("\(error.message), at character \(blanks + error.offset + 1)")
    }
    guard (1...Store.Limits.keyBytes).contains(entry.key.count) else {
      throw error("a key has 1 to \(Store.Limits.keyBytes) bytes, and this one has \(entry.key.count)")
    }
    guard entry.value.count <= Store.Limits.valueBytes else { throw error("the value is larger than a store takes") }
    do throws(StoreError) { try entry.attributes.withEncoded { _ in } } catch { throw self.error(error.message) }
    return entry
  }

  private mutating func put(_ entry: DumpLine) throws {
    if let deadline = entry.deadline, deadline <= now {
      expired += 1
      return
    }
    let store = try openStore()
    if writer?.isPending(entry.key) == false, let known = try store.entry(for: entry.key),
      known.deadline == entry.deadline, known.attributes == entry.attributes, known.value.isSame(as: entry.value)
    {
      unchanged += 1
      return
    }
    if writer?.isFull(for: entry.key, entry.value) == true { try flush() }
    try writer?.put(entry.value, for: entry.key, deadline: entry.deadline, attributes: entry.attributes)
    written += 1
  }

  private mutating func openStore() throws(StoreError) -> Store {
    if let writer { return writer.store }
    let store = try open()
    writer = BatchWriter(store)
    return store
  }

  private mutating func flush() throws(StoreError) {
    try writer?.flush()
    linesLoaded = lines
  }

  /// To be called after the last bytes: a last line may lack its line feed. What was loaded is on the disk then.
  package mutating func finish() throws {
    if !line.isEmpty {
      try takeGathered()
      lines += 1
    }
    let store = try openStore()
    try flush()
    try store.sync()
    try store.close()
  }

  /// To be called after an error: what came before it goes to the store, if it takes that.
  package mutating func stop() {
    guard let writer else { return }
    try? flush()
    try? writer.store.close()
  }
}

extension Array where Element == UInt8 {
  fileprivate func isSame(as other: [UInt8]) -> Bool {
    unsafe MemoryView(span.bytes).isEqual(to: MemoryView(other.span.bytes))
  }
}
