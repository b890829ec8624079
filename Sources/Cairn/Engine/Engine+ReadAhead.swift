/// What the kernel reads beside what is asked for.
///
/// With a page that is not in memory it reads its neighbours, up to 8 MiB where disks are set up for throughput. That
/// is what makes a store warm quickly, as long as it fits into memory. One that does not is read by the page: its
/// neighbours would push out what is needed next.
extension Engine {
  /// A log of more than this share of memory will not stay there, beside the index and everything else.
  private static let shareOfMemory = 0.5
  /// Smaller ones need not be compared: finding out how much memory there is takes as long as opening a small store.
  private static let smallLogBytes = 256 << 20

  /// Tells the kernel, once the log has outgrown memory.
  ///
  /// - Parameter mapped: numbers of the segments that have been mapped since the last call.
  func adviseReading(_ mapped: [UInt64]) {
    let memories = catalog.withLock { catalog in
      if catalog.isLargerThanMemory {
        return mapped.compactMap { catalog.index(of: $0) }.map { catalog.segments[$0].memory }
      }
      let bytes = catalog.segments.reduce(0) { $0 + $1.memory.byteCount }
      guard bytes > Self.smallLogBytes, Double(bytes) > Double(System.memoryBytes) * Self.shareOfMemory else {
        return []
      }
      catalog.isLargerThanMemory = true
      return catalog.segments.map(\.memory) + (index.loaded.withLock { $0.map { [$0.memory] } } ?? [])
    }
    for memory in memories { memory.view.adviseScattered() }
  }
}
