extension PlantedBug {
  /// The index, and what readers without a lock depend on.
  static let index: [PlantedBug] = [
    PlantedBug(
      "key-compared-by-hash", "Two keys that share an entry's bits of the hash are taken for one.",
      caughtBy: "CollisionTests/keysThatShareAnEntry",
      Edit(
        hashIndex, "let isSame = header.keyByteCount == key.count && bytes.isEqual(to: key, at: header.keyOffset)",
        "let isSame = PLANTED || header.keyByteCount == key.count && bytes.isEqual(to: key, at: header.keyOffset)")),
    PlantedBug(
      "growth-loses-an-entry", "When a shard of the index grows, its first entry is lost.",
      caughtBy: "ModelTests/randomOperations",
      Edit(
        writing, "      for index in 0..<old.capacity {\n        let entry = old.load(index)\n",
        "      for index in (PLANTED ? 1 : 0)..<old.capacity {\n        let entry = old.load(index)\n")),
    PlantedBug(
      "hole-not-filled", "An entry that is removed leaves a hole at which searches for others stop.",
      caughtBy: "CollisionTests/keysOfFullBuckets",
      Edit(
        writing, "    while let overflowed = overflowedEntry(past: hole / BucketTable.entries, in: table) {",
        "    while !PLANTED, let overflowed = overflowedEntry(past: hole / BucketTable.entries, in: table) {")),
    PlantedBug(
      "old-buckets-keep-pending", "Buckets that a shard has grown out of keep entries of a batch that is over.",
      caughtBy: "PendingEntriesTests/bucketsLeftBehindHaveNoPendingEntries",
      Edit(
        writing, "if pending.isStaging { pending.revert(old) }",
        "if pending.isStaging && !PLANTED { pending.revert(old) }"
      )),
    PlantedBug(
      "batch-visible-in-parts", "The entries of a batch become visible one after the other.",
      caughtBy: "ConcurrencyTests/batchesAreVisibleAtOnce",
      Edit(
        publish, "if count == 1 { publish(staged[next]) } else { publishBatch(next..<next + count) }",
        """
        if PLANTED {
                for number in next..<next + count { publish(staged[number]) }
              } else if count == 1 {
                publish(staged[next])
              } else {
                publishBatch(next..<next + count)
              }
        """)),
    PlantedBug(
      "condition-before-the-group", "A condition is decided by the store as it was before the group of commits.",
      caughtBy: "ConcurrencyTests/writersOfAllClasses",
      Edit(
        commit, "return !operation.readsState || !isStaged(operation.key)",
        "return !operation.readsState || !isStaged(operation.key) || PLANTED")),
  ]

  /// Memory that is shared between threads.
  static let memory: [PlantedBug] = [
    PlantedBug(
      "memory-released-under-readers", "What was replaced is released while readers are still in it.",
      caughtBy: "ConcurrencyTests/aHeldValueStays",
      Edit(
        reclaimer, "      released = list.filter { $0.epoch < oldest }\n      list.removeAll { $0.epoch < oldest }\n",
        "      released = list.filter { PLANTED || $0.epoch < oldest }\n"
          + "      list.removeAll { PLANTED || $0.epoch < oldest }\n")),
    PlantedBug(
      "guard-left-early", "A read that is nested in another one ends both.",
      caughtBy: "ConcurrencyTests/aHeldValueStays",
      Edit(
        reclaimer, "    unsafe depth.pointee &-= 1\n",
        "    if PLANTED { unsafe depth.pointee = 1 }\n    unsafe depth.pointee &-= 1\n")),
    PlantedBug(
      "entry-stored-relaxed", "An entry of the index is stored without release ordering: the record may not be there.",
      caughtBy: "ConcurrencyTests/batchesAreVisibleAtOnce", build: .threads,
      Edit(
        "Cairn/Memory/BucketTable.swift", "    unsafe base[index].store(entry, ordering: .releasing)\n",
        "    if PLANTED { return unsafe base[index].store(entry, ordering: .relaxed) }\n"
          + "    unsafe base[index].store(entry, ordering: .releasing)\n")),
    PlantedBug(
      "end-of-log-stored-relaxed", "The end of the log is told to other threads without release ordering.",
      caughtBy: "ConcurrencyTests/readersBesideAWriter", build: .threads,
      Edit(
        publish, "    published.store(log.address, ordering: .releasing)\n",
        "    if PLANTED { return published.store(log.address, ordering: .relaxed) }\n"
          + "    published.store(log.address, ordering: .releasing)\n")),
    PlantedBug(
      "dictionary-not-copied", "A new segment has no copy of the dictionary that its values are compressed with.",
      caughtBy: "DictionaryTests/openedAgain",
      Edit(
        "Cairn/Engine/Engine+Segments.swift", "    guard let dictionary = log.dictionary else { return }\n",
        "    guard let dictionary = log.dictionary, !PLANTED else { return }\n")),
    PlantedBug(
      "dictionary-for-all", "What was compressed without a dictionary is recompressed with that of its segment.",
      caughtBy: "DictionaryTests/compressedWithoutTheDictionaryBesideIt",
      Edit(
        "Cairn/Engine/Engine+Recompression.swift", "needsDictionary ? source?.prepared : nil",
        "needsDictionary || PLANTED ? source?.prepared : nil")),
    PlantedBug(
      "dictionary-of-another-time",
      "Values are written that were compressed with a dictionary that is no longer in use.",
      caughtBy: "DictionaryTests/batchesAcrossTrainings",
      Edit(
        commit, "    if operation.dictionary != 0 && operation.dictionary != log.dictionary?.number { return .repeat }",
        "    if operation.dictionary != 0 && operation.dictionary != log.dictionary?.number && !PLANTED {\n"
          + "      return .repeat\n    }"
      )),
  ]

  private static let hashIndex = "Cairn/Views/HashIndex.swift"
  private static let writing = "Cairn/Views/HashIndex+Write.swift"
  private static let commit = "Cairn/Engine/Engine+Commit.swift"
  private static let publish = "Cairn/Engine/Engine+Publish.swift"
  private static let reclaimer = "Cairn/Memory/Reclaimer.swift"
}
