extension PlantedBug {
  /// Snapshots, followers, expiry.
  static let views: [PlantedBug] = [
    PlantedBug(
      "snapshot-reads-the-newest", "A snapshot shows what was written after it was taken.",
      caughtBy: "SnapshotTests/randomOperations",
      Edit(
        "Cairn/Engine/Engine+Snapshot.swift", "if let record = try current(key, hash), record.version <= sequence {",
        "if let record = try current(key, hash), record.version <= sequence || PLANTED {")),
    PlantedBug(
      "follower-shows-half-a-batch", "A follower shows the part of a batch that has been written so far.",
      caughtBy: "FollowerTests/halfABatch",
      Edit(
        "Cairn/Engine/Engine+Follow.swift", "if header.flags & RecordHeader.Flags.moreFollows != 0 { continue }",
        "if header.flags & RecordHeader.Flags.moreFollows != 0 && !PLANTED { continue }")),
    PlantedBug(
      "news-before-the-bytes", "Followers are told of records that the file does not have yet.",
      caughtBy: "FollowerTests/newsComeAfterTheBytes",
      Edit(
        "Cairn/Engine/Engine+Commit.swift",
        "    try file.write(log.memory.slice(start, byteCount), at: start)\n",
        "    if PLANTED { noteFlushed(start + byteCount) }\nFOUND")),
    PlantedBug(
      "view-knows-what-is-lost", "A view is kept that knows of commits which a power failure takes back.",
      caughtBy: "ViewCrashTests/whileItIsKept",
      Edit(
        "Cairn/API/ViewFiles.swift", "      _ = try commit(.sync)\n",
        "      if PLANTED { header = start } else { _ = try commit(.sync) }\n"),
      Edit(
        "Cairn/API/ViewFiles.swift", "      header.encode(into: buffer.view)\n",
        "      if PLANTED { header.contentBytes = UInt64(output.byteCount) }\nFOUND")),
    PlantedBug(
      "view-of-another-log", "A view is used whose last record is not in the log.",
      caughtBy: "OrderedKeysTests/filesOfOthers",
      Edit(
        "Cairn/API/ViewFiles.swift", "guard let segment = segmentOfLog(header.segment), let offset",
        "if PLANTED { return true }\n    FOUND")),
    PlantedBug(
      "view-is-not-caught-up", "A view that was kept is used without what has come since.",
      caughtBy: "OrderedKeysTests/keptAndCaughtUp",
      Edit(
        "CairnIndex/Ordered/OrderedKeys+File.swift", "    let missed = store.lastSequence - content.sequence\n",
        "    let missed = PLANTED ? 0 : store.lastSequence - content.sequence\n")),
    PlantedBug(
      "leaf-of-another-place", "A leaf from a file is used wherever its keys belong.",
      caughtBy: "OrderedKeysCornerTests/leavesOfOtherPlaces",
      Edit(
        "CairnIndex/Ordered/KeyTree+File.swift", "        !keys.key(0).lexicographicallyPrecedes(",
        "        PLANTED || !keys.key(0).lexicographicallyPrecedes(")),
    PlantedBug(
      "expires-a-millisecond-late", "An entry is there in the millisecond in which its time is up.",
      caughtBy: "StoreTests/expiry",
      Edit(clock, "{ deadline <= now() }", "{ deadline < now() + (PLANTED ? 0 : 1) }")),
    PlantedBug(
      "expired-comes-back", "What has expired comes back when the clock is set back.",
      caughtBy: "StoreTests/expiry",
      Edit(
        clock, "    return elapsed.saturatingAdd(isAsEver ? known : take(seen))",
        "    return elapsed.saturatingAdd(isAsEver ? known : PLANTED ? seen : take(seen))")),
    PlantedBug(
      "expired-removed-though-put-again", "What has expired is removed, and with it what was put in its place.",
      caughtBy: "CauseTests/putAgainMeanwhile",
      Edit(
        "Cairn/Engine/Engine+Expiry.swift", "where index.locate(entry: one.entry, hash: one.hash) != nil {",
        "where PLANTED || index.locate(entry: one.entry, hash: one.hash) != nil {")),
  ]

  private static let clock = "Cairn/Engine/ExpiryClock.swift"
}
