extension Store {
  /// Trains a dictionary for small values now (see ``Compression/Dictionary/trained``), on a sample of what the store
  /// holds, and takes it into use if it makes them a tenth smaller than none does or more, and 3 % smaller than the
  /// present one, if there is one. As a rule the store does that by itself;
  /// but it may be worth it when a store has just been filled. What is there already stays as it is: see
  /// ``recompress(level:progress:)``.
  ///
  /// - Returns: whether it was taken into use; `false` if ``Options/compression`` asks for none.
  /// - Throws: `.noSpace` if the disk has no room for a new segment, and `.damaged` if the index is: then nothing has
  ///   changed; `.readOnly`, `.closed`, `.writerFailed`.
  /// - Complexity: reads 16 MiB of values, of a million entries at most; some seconds, beside reads and writes.
  @discardableResult
  public func trainDictionary() throws(StoreError) -> Bool {
    try engine.checkWritable()
    return try engine.trainDictionary()
  }

  /// Writes all values anew as ``Options/compression`` has it now, with the present dictionary, and gives the space of
  /// the old ones back; beside reads and writes. Versions and deadlines stay. May be interrupted by anything at any
  /// moment.
  ///
  /// - Parameters:
  ///   - level: of zstd; `nil`: that of the options. What rarely changes is worth a higher one: it takes longer to
  ///     compress, and no longer to read. What is put later goes by the options again, and so does what compaction has
  ///     to compress anew because its dictionary has been replaced.
  ///   - progress: called now and then; returns whether to go on.
  /// - Throws: as ``compact(progress:)``; `.invalidOption` for a level outside of ``Compression/levels``.
  /// - Complexity: reads and writes the whole log.
  public func recompress(
    level: Int? = nil, progress: (CompactionProgress) -> Bool = { _ in true }
  ) throws(StoreError) {
    if let level { try Compression.check(level) }
    try engine.recompress(level, progress)
  }
}
