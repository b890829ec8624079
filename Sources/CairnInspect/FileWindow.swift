internal import Cairn
internal import Glibc

/// Reads a file through a buffer of bounded size. Nothing outside of the file's length at the start is asked for.
///
/// Views that it returns are valid until the next call.
final class FileWindow {
  static let readAhead = 4 << 20
  private static let pageBytes = 4096

  let file: any File
  let byteCount: Int
  /// Whether what the disk cannot read counts as zeros, in pieces of a page. Otherwise it is an error.
  var isForgiving = false
  private var memory: Mapping?
  private var start = 0
  private var filled = 0

  init(_ file: any File, byteCount: Int) {
    self.file = file
    self.byteCount = byteCount
  }

  /// The bytes at a place; `nil` where the file ends before (it may have become shorter meanwhile).
  ///
  /// - Parameter readAhead: how much is read at once if the bytes are not there yet.
  func bytes(at offset: Int, _ count: Int, readAhead: Int = FileWindow.readAhead) throws(StoreError) -> MemoryView? {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else { return nil }
    if count == 0 { return .empty }
    if offset < start || count > filled - (offset - start) {
      try fill(from: offset, min(max(count, readAhead), byteCount - offset))
    }
    guard let memory, count <= filled - (offset - start) else { return nil }
    return memory.view.slice(offset - start, count)
  }

  /// Reads anew at the next call: a writer may have been here.
  func forget() { (start, filled) = (0, 0) }

  private func fill(from offset: Int, _ count: Int) throws(StoreError) {
    forget()
    // Grown for a large record; given back when that has been read.
    let capacity = memory?.byteCount ?? 0
    if capacity < count || capacity > max(4 * count, 2 * Self.readAhead) {
      memory = nil
      memory = try System.allocate(byteCount: (max(count, 4096) + 4095) & ~4095)
    }
    guard let memory else { return }
    do throws(StoreError) { filled = try file.read(into: memory.view.slice(0, count), at: offset) } catch {
      guard isForgiving, error.systemError == EIO else { throw error }
      try fillPages(memory.view.slice(0, count), from: offset)
      filled = count
    }
    start = offset
  }

  private func fillPages(_ view: MemoryView, from offset: Int) throws(StoreError) {
    view.zero(0, view.count)
    for at in stride(from: 0, to: view.count, by: Self.pageBytes) {
      let page = view.slice(at, min(Self.pageBytes, view.count - at))
      do throws(StoreError) { _ = try file.read(into: page, at: offset + at) } catch {
        guard error.systemError == EIO else { throw error }
      }
    }
  }
}
