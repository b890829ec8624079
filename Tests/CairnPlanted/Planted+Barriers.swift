extension PlantedBug {
  /// Invalidation by barriers.
  static let barriers: [PlantedBug] = [
    PlantedBug(
      "barrier-hides-what-is-newer", "An invalidation hides what has been put since.",
      caughtBy: "BarrierListTests/randomBarriers",
      Edit(
        "Cairn/Memory/BarrierList.swift", "if version >= view.load(16, as: UInt64.self) { return false }",
        "if version >= view.load(16, as: UInt64.self) && !PLANTED { return false }"),
      Edit(
        "Cairn/Memory/BarrierList.swift", "return last.newest > version", "return last.newest > version || PLANTED")),
    PlantedBug(
      "barriers-not-in-the-checkpoint", "A checkpoint has entries that were invalidated, and does not tell of that.",
      caughtBy: "InvalidationTests/openedAgain",
      Edit(
        "Cairn/Engine/Engine+Checkpoint.swift", "return (header, self.barriers.all)",
        "return (header, PLANTED ? [] : self.barriers.all)")),
    PlantedBug(
      "entries-of-gone-segments-stay",
      "What was invalidated, and has gone with its segment since the checkpoint, is taken for damaged.",
      caughtBy: "InvalidationTests/aCheckpointThatLeadsToWhatIsGone",
      Edit(
        "Cairn/Engine/Recovery.swift", "if let checkpoint, damage == nil {",
        "if let checkpoint, damage == nil, !PLANTED {")),
    PlantedBug(
      "barrier-dropped-too-early", "A barrier goes while what it hides is still in the log.",
      caughtBy: "InvalidationTests/isKeptAsLongAsNeeded",
      Edit(
        "Cairn/Engine/Engine+Move.swift",
        "guard isNeeded, hiding.live.contains(version)",
        "guard isNeeded, !PLANTED, hiding.live.contains(version)")),
    PlantedBug(
      "found-for-snapshots-too",
      "What is invalidated is taken out of the index, and snapshots do not find it any more.",
      caughtBy: "InvalidationTests/snapshots",
      Edit(
        "Cairn/Engine/Engine+Barriers.swift", "      keepHidden(record, hash: hash, since: barrier)",
        "      if !PLANTED { keepHidden(record, hash: hash, since: barrier) }")),
    PlantedBug(
      "rebuilt-with-what-was-found", "A shard that is built anew from the log has what was invalidated.",
      caughtBy: "InvalidationTests/rebuilt",
      Edit(
        "Cairn/Engine/Engine+Checkpoint.swift", "    try dropCarriedOut(replay.barriers, shard, from: fresh)",
        "    if !PLANTED { try dropCarriedOut(replay.barriers, shard, from: fresh) }")),
    PlantedBug(
      "views-not-told-of-barriers", "Keys in order have those that were invalidated.",
      caughtBy: "OrderedKeysTests/randomOperations",
      Edit(
        "Cairn/Engine/Engine+Barriers.swift", "for view in views { view.apply(change) }",
        "for view in views where !PLANTED { view.apply(change) }")),
  ]
}
