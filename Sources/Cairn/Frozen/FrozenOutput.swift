/// The file of a frozen store while it is written: from its beginning to its end, the header last.
final class FrozenOutput {
  let file: any File
  private let buffer: Mapping
  /// Of the buffer, in the file.
  private var start = FrozenHeader.recordsStart
  private var used = 0
  private var content: HashStream?

  static let bufferBytes = 1 << 20
  /// What fits the buffer with a whole record's head is written with one look at it.
  static let wholeBytesMax = bufferBytes / 4

  init(_ file: any File, salt: UInt64) throws(StoreError) {
    self.file = file
    buffer = try System.allocate(byteCount: Self.bufferBytes)
    content = try HashStream(seed: salt)
  }

  /// Where the next byte goes.
  var position: Int { start + used }

  /// Lets `body` write at most `byteCount` bytes (``wholeBytesMax``); it returns how many it has.
  @inline(__always)
  func append(atMost byteCount: Int, _ body: (_ view: MemoryView, _ at: Int) -> Int) throws(StoreError) {
    if byteCount > buffer.byteCount - used { try flush() }
    used += body(buffer.view, used)
  }

  func append(_ bytes: MemoryView) throws(StoreError) {
    if bytes.count <= Self.wholeBytesMax {
      return try append(atMost: bytes.count) { view, at in
        view.copy(bytes, at: at)
        return bytes.count
      }
    }
    try flush()
    var done = 0
    while done < bytes.count {
      let part = bytes.slice(done, min(bytes.count - done, 8 << 20))
      try write(part)
      done += part.count
    }
  }

  func appendZeros(upToMultipleOf step: Int) throws(StoreError) {
    let count = (step - position % step) % step
    try append(atMost: count) { view, at in
      view.zero(at, count)
      return count
    }
  }

  func flush() throws(StoreError) {
    let full = used
    used = 0
    if full > 0 { try write(buffer.view.slice(0, full)) }
  }

  private func write(_ bytes: MemoryView) throws(StoreError) {
    content?.add(bytes)
    // A write over the limit of a process for its files would end the process.
    try file.reserve(start, upTo: start + bytes.count)
    try file.write(bytes, at: start)
    start += bytes.count
  }

  /// Writes the header and makes all of it durable. Nothing is written after it.
  func finish(_ header: FrozenHeader) throws(StoreError) {
    try flush()
    var header = header
    header.fileByteCount = start
    header.contentChecksum = content.take()?.finish() ?? 0
    let view = buffer.view.slice(0, FrozenHeader.byteCount)
    header.encode(into: view)
    try file.write(view, at: 0)
    try file.sync()
  }
}
