extension PlantedBug {
  /// What is written once more, and what is taken away.
  static let compaction: [PlantedBug] = [
    PlantedBug(
      "tombstone-dropped-too-early", "A remove is dropped while an older put of its key is left somewhere.",
      caughtBy: "CompactionTests/removesOfWhatIsLeft",
      Edit(
        move, "guard version <= min(hiding.start, log.checkpointSequence) else {",
        "guard version <= min(hiding.start, log.checkpointSequence) || PLANTED else {")),
    PlantedBug(
      "dropped-removes-forgotten", "Nothing tells that removes have been dropped to those who ask for changes.",
      caughtBy: "CompactionTests/changesAfterwards",
      Edit(move, "    history = max(history, version)\n", "    if !PLANTED { history = max(history, version) }\n")),
    PlantedBug(
      "unlinked-before-sync", "Segments are removed before what was moved out of them is on the disk.",
      caughtBy: "CompactionCrashTests/stoppedBeforeEachCall",
      Edit(
        round, "    try makeDurable()\n    if !alive.isSet { throw deadError() }\n",
        "    if !PLANTED { try makeDurable() }\n    if !alive.isSet { throw deadError() }\n")),
    PlantedBug(
      "unlinked-before-the-list", "Segments are removed before the list of those that are gone names them.",
      caughtBy: "CompactionCrashTests/stoppedBeforeEachCall",
      Edit(
        round, "    try write(gone)\n",
        """
            if PLANTED { for number in numbers { try directory.unlink(SegmentHeader.name(number)) } }
            try write(gone)

        """)),
    PlantedBug(
      "list-not-synced", "The list of segments that are gone gets its name before its content is synced.",
      caughtBy: "CompactionCrashTests/stoppedBeforeEachCall",
      Edit(
        round, "      try file.sync()\n      try directory.rename(temporary, to: GoneSegments.name)",
        "      if !PLANTED { try file.sync() }\n      try directory.rename(temporary, to: GoneSegments.name)")),
    PlantedBug(
      "leftovers-removed-too-early", "What the list names is removed before the list is on the disk to stay.",
      caughtBy: "CompactionCrashTests/theListOutlivesWhatItNames",
      Edit(
        "Cairn/Engine/Engine+Open.swift", "if !isResumed || !found.leftOver.isEmpty { try directory.sync() }",
        "if (!isResumed || !found.leftOver.isEmpty) && !PLANTED { try directory.sync() }")),
    PlantedBug(
      "newest-dropped", "Of the records of one key the newest is dropped, if it was moved before.",
      caughtBy: "ModelTests/randomOperations",
      Edit(
        move, "guard let position = index.locate(entry: candidate.entry(slot), hash: candidate.hash) else {",
        "guard let position = index.locate(entry: candidate.entry(slot), hash: candidate.hash),\n"
          + "      !(PLANTED && header.flags & RecordHeader.Flags.version != 0)\n    else {")),
    PlantedBug(
      "version-lost", "An entry that is moved gets a new version.",
      caughtBy: "CompactionTests/overwrites",
      Edit(
        move, "      version: header.version(memory, at: offset))",
        "      version: PLANTED ? nil : header.version(memory, at: offset))")),
    PlantedBug(
      "deadline-lost", "An entry that is moved never expires.",
      caughtBy: "ModelTests/randomOperations",
      Edit(
        move, "candidate, memory, kind: RecordHeader.Kind.put, flags: header.flags & RecordHeader.Flags.expiry,",
        "candidate, memory, kind: RecordHeader.Kind.put,\n"
          + "      flags: PLANTED ? 0 : header.flags & RecordHeader.Flags.expiry,")),
    PlantedBug(
      "pins-ignored", "Segments that a snapshot still reads from are taken away.",
      caughtBy: "SnapshotTests/spaceIsPinned",
      Edit(
        "Cairn/Engine/Engine+Follow.swift", "if !pins.withLock({ $0.keep(segment) }) {",
        "if PLANTED || !pins.withLock({ $0.keep(segment) }) {")),
    PlantedBug(
      "moved-entry-is-gone", "Compaction takes an entry for gone that was moved in the index while it looked.",
      caughtBy: "GoneEntriesTests/whatMovesIsNeverGone",
      Edit(
        "Cairn/Views/HashIndex.swift",
        "    // As in a lookup: it may have passed us on its way.\n    return words.moves(shard)",
        "    if PLANTED { return true }\n    return words.moves(shard)")),
    PlantedBug(
      "space-limit-not-enforced", "A store grows beyond the limit that it was given.",
      caughtBy: "SpaceLimitTests/full",
      Edit(
        "Cairn/Engine/Engine+SpaceLimit.swift", "    guard needed > limit else { return }",
        "    guard needed > limit, !PLANTED else { return }")),
  ]

  private static let round = "Cairn/Engine/Engine+Compaction.swift"
  private static let move = "Cairn/Engine/Engine+Move.swift"
}
