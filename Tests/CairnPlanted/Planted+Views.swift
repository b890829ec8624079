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
      "expires-a-millisecond-late", "An entry is there in the millisecond in which its time is up.",
      caughtBy: "StoreTests/expiry",
      Edit(clock, "{ deadline <= now() }", "{ deadline < now() + (PLANTED ? 0 : 1) }")),
    PlantedBug(
      "expired-comes-back", "What has expired comes back when the clock is set back.",
      caughtBy: "StoreTests/expiry",
      Edit(
        clock, "    return elapsed.saturatingAdd(largest)", "    return PLANTED ? wall : elapsed.saturatingAdd(largest)"
      )),
  ]

  private static let clock = "Cairn/Engine/ExpiryClock.swift"
}
