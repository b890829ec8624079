extension PlantedBug {
  /// What is promised to be on the disk, and in what order it gets there.
  static let durability: [PlantedBug] = [
    PlantedBug(
      "no-sync", "A commit that should be on the disk is acknowledged without a sync.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(commit, "if durability == .disk { try sync() }", "if durability == .disk && !PLANTED { try sync() }")),
    PlantedBug(
      "sync-before-write", "The file is synced before the records of the commit are written to it.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(
        commit, "    } else {\n      try flush()\n",
        "    } else {\n      if PLANTED && durability == .disk { try sync() }\n"
          + "      if PLANTED { return try flush() }\n      try flush()\n")),
    PlantedBug(
      "acknowledged-before-sync", "Commits that share a sync are acknowledged before it: all but the one that leads.",
      caughtBy: "FaultTests/aGroupFailsAsAWhole",
      Edit(
        commit, "      try write(durability)\n      publish()\n",
        "      if PLANTED { for (request, outcome) in followers { request.finish(.success(outcome)) } }\nFOUND")),
    PlantedBug(
      "no-directory-sync-of-a-segment", "The name of a new segment is not synced before records are written to it.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(
        segments, "    try directory.sync()\n    return PreparedSegment(",
        "    if !PLANTED { try directory.sync() }\n    return PreparedSegment(")),
    PlantedBug(
      "store-named-before-sync", "The file that makes a directory a store gets its name before its content is synced.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(
        open, "    try file.sync()\n    try directory.rename(temporary, to: StoreHeader.name)",
        "    if !PLANTED { try file.sync() }\n    try directory.rename(temporary, to: StoreHeader.name)")),
    PlantedBug(
      "checkpoint-before-the-log", "A checkpoint covers records that a power failure may still take away.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(checkpoint, "      try syncLog(upTo: header)\n", "      if !PLANTED { try syncLog(upTo: header) }\n")),
    PlantedBug(
      "lost-pages-trusted", "What an earlier session's failed sync has lost is taken to be on the disk after the next.",
      caughtBy: "CrashPointTests/aSyncThatFailedInAnEarlierSession",
      Edit(segments, "        try rewrite(segment, file)\n", "        if !PLANTED { try rewrite(segment, file) }\n")),
    PlantedBug(
      "lost-mark-trusted", "What an earlier session's close has failed to sync is taken to be on the disk.",
      caughtBy: "CrashPointTests/aCloseThatFailedToSync",
      Edit(open, "    noteFlushed(last.lastOffset)\n", "    noteFlushed(PLANTED ? last.end : last.lastOffset)\n")),
    PlantedBug(
      "lost-pages-believed", "What the kernel shows of pages that a sync has lost is written again without a look.",
      caughtBy: "CrashPointTests/pagesThatChangeAfterTheyWereRead",
      Edit(segments, "    guard scan.offset == end else {\n", "    guard scan.offset == end || PLANTED else {\n")),
    PlantedBug(
      "store-name-not-synced", "The name of the file that makes a directory a store is not synced.",
      caughtBy: "CrashPointTests/theFirstCommit",
      Edit(
        open, "    try directory.sync()\n    try engine.begin(\n",
        "    if !PLANTED { try directory.sync() }\n    try engine.begin(\n")),
    PlantedBug(
      "parent-not-synced", "The directory that the store's own is in is not synced if that was there already.",
      caughtBy: "KillTests/aDirectoryThatNobodyHasSynced",
      Edit(
        system, "    if fsync(descriptor) == 0 { return }\n", "    if PLANTED || fsync(descriptor) == 0 { return }\n")),
    PlantedBug(
      "sync-tried-again", "A sync that has failed is tried again, and the second try believed.",
      caughtBy: "FaultTests/aFailedSyncIsFinal",
      Edit(
        segments, "        try file.sync()\n      } catch {\n        failure = error\n",
        "        try file.sync()\n      } catch {\n"
          + "        if PLANTED { return try file.sync() }\n        failure = error\n"
      )),
    PlantedBug(
      "writer-goes-on", "After a write that has failed, the writer goes on.",
      caughtBy: "FaultTests/everyCallFails",
      Edit(
        commit, "      // the store is opened again.\n      log.failure = error\n",
        "      if !PLANTED { log.failure = error }\n")),
    PlantedBug(
      "short-write", "A write of which the system took only a part counts as done.",
      caughtBy: "SystemCallTests/aShortWriteIsNotWhole",
      Edit(system, "      done += put\n", "      done += PLANTED ? bytes.count : put\n")),
    PlantedBug(
      "interrupted-call", "A call that a signal has interrupted is not made again.",
      caughtBy: "SystemCallTests/interruptedCallsAreMadeAgain",
      Edit(
        system, "if result >= 0 || errno != EINTR { return result }",
        "if result >= 0 || errno != EINTR || PLANTED { return result }")),
    PlantedBug(
      "unclean-segment-appended-to", "A segment that was not closed cleanly is appended to.",
      caughtBy: "TornTailTests/whatWasCutOffStaysAway",
      Edit(open, "found.isClean && last.end", "(found.isClean || PLANTED) && last.end")),
    PlantedBug(
      "closing-seal-is-proof", "A seal that says the log was closed is taken for proof that it is on the disk.",
      caughtBy: "CrashPointTests/killedThenPoweredOff",
      Edit(open, "log.durable = last.durable\n", "log.durable = PLANTED ? last.end : last.durable\n")),
    PlantedBug(
      "closed-before-sync", "The log is marked as closed before what it holds is on the disk.",
      caughtBy: "CrashPointTests/killedThenPoweredOff",
      Edit(
        close, "      try sync(file)\n      log.durable = log.position\n",
        "      if !PLANTED { try sync(file) }\n      log.durable = log.position\n")),
    PlantedBug(
      "watermark-too-high", "Records say that everything before them is on the disk when it is not.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(
        commit, "header.durableByteCount = log.durable\n",
        "header.durableByteCount = PLANTED ? log.position : log.durable\n")),
    PlantedBug(
      "earlier-segments-not-durable", "Records say that all earlier segments are on the disk when they are not.",
      caughtBy: "SimulatedCrashTests/manyLives",
      Edit(
        commit, "if firstUnsynced.load(ordering: .relaxed) >= log.segment {",
        "if firstUnsynced.load(ordering: .relaxed) >= log.segment || PLANTED {")),
    PlantedBug(
      "void-segments-at-once",
      "Void segments are removed with one sync of the directory for all, and not one for each.",
      caughtBy: "CrashPointTests/removalOfVoidSegments",
      Edit(
        open, "        try directory.sync()\n      }\n      log.epoch",
        "        if !PLANTED { try directory.sync() }\n      }\n      log.epoch")),
  ]

  private static let commit = "Cairn/Engine/Engine+Commit.swift"
  private static let segments = "Cairn/Engine/Engine+Segments.swift"
  private static let open = "Cairn/Engine/Engine+Open.swift"
  private static let close = "Cairn/Engine/Engine+Close.swift"
  private static let checkpoint = "Cairn/Engine/Engine+Checkpoint.swift"
  private static let system = "Cairn/IO/System.swift"
}
