extension PlantedBug {
  /// What is believed of the files when a store is opened.
  static let recovery: [PlantedBug] = [
    PlantedBug(
      "sequence-gap-accepted", "A record is accepted whose sequence is not the next one.",
      caughtBy: "ForgedLogTests/recordsThatMayNotStandThere",
      Edit(
        recoveryFile, "guard header.sequence == cursor.sequence &+ 1 else {",
        "guard header.sequence == cursor.sequence &+ 1 || PLANTED && header.sequence > cursor.sequence else {")),
    PlantedBug(
      "batch-mark-ignored", "Replay takes each record of a batch for a commit of its own.",
      caughtBy: "TornTailTests/everyLength",
      Edit(
        "Cairn/Log/Replay.swift", "    if header.flags & RecordHeader.Flags.moreFollows == 0 {",
        "    if header.flags & RecordHeader.Flags.moreFollows == 0 || PLANTED {"),
      Edit(
        recoveryFile, "      if cursor.batch == nil && header.flags & RecordHeader.Flags.moreFollows != 0 {",
        "      if cursor.batch == nil && header.flags & RecordHeader.Flags.moreFollows != 0 && !PLANTED {")),
    PlantedBug(
      "log-cut-at-damage", "Damage in the middle of the log is taken for its end, and what follows is cut off.",
      caughtBy: "DamageTests/damageBelowTheWatermarkIsReported",
      Edit(end, "switch proof(index, next, cursor) {", "switch PLANTED ? .nothing : proof(index, next, cursor) {")),
    PlantedBug(
      "sealed-segment-is-proof", "A segment that exists tells, by being sealed, that those before it were on the disk.",
      caughtBy: "CrashPointTests/powerFailureBehindASealedSegment",
      Edit(
        end, "let earlier = sealedFor == later.number ? 0 :",
        "let earlier = sealedFor == later.number && !PLANTED ? 0 :"
      )),
    PlantedBug(
      "missing-segment-not-noticed", "The segment that a seal names is not there, and nobody minds.",
      caughtBy: "DamageTests/aMissingSegmentIsReported",
      Edit(
        end, "if next != seal.next || !hasAppeared(next) {",
        "if (next != seal.next || !hasAppeared(next)) && !PLANTED {")),
    PlantedBug(
      "checkpoint-of-another-store", "The checkpoint of another store is used.",
      caughtBy: "DamageTests/filesOfAnotherStoreAreNotTaken",
      Edit(
        recoveryFile, "found.store == header.identifier,\n      found.hashSeed == header.hashSeed,",
        "found.store == header.identifier || PLANTED,\n      found.hashSeed == header.hashSeed || PLANTED,"),
      Edit(
        recoveryFile, "guard isOfThisLog, !isAmbiguous else { return false }",
        "guard isOfThisLog || PLANTED, !isAmbiguous else { return false }")),
    PlantedBug(
      "checkpoint-of-another-life", "A checkpoint is used whose segments had the same numbers, and were others.",
      caughtBy: "DamageTests/aCheckpointOfAnotherLife",
      Edit(
        recoveryFile, "allSatisfy { $0.number == $1.number && $0.salt == $1.header.salt }",
        "allSatisfy { $0.number == $1.number && ($0.salt == $1.header.salt || PLANTED) }")),
    PlantedBug(
      "checkpoint-of-another-branch", "A checkpoint is used although the log went on otherwise before its end.",
      caughtBy: "DamageTests/aCheckpointOfAnotherLife",
      Edit(
        recoveryFile, "      record.header.checksum == found.lastChecksum,",
        "      record.header.checksum == found.lastChecksum || PLANTED,")),
    PlantedBug(
      "checkpoint-before-compaction", "A checkpoint is used that knows nothing of removes that compaction has dropped.",
      caughtBy: "DamageTests/aCheckpointFromBeforeCompaction",
      Edit(
        recoveryFile, "if gone.history > found.startSequence { return false }",
        "if gone.history > found.startSequence && !PLANTED { return false }")),
    PlantedBug(
      "shard-not-verified", "The entries that a checkpoint has are used without a look at their checksum.",
      caughtBy: "DamageTests/flippedEntriesOfACheckpoint",
      Edit(
        "Cairn/Views/HashIndex+Load.swift", "guard table.view.hash(seed: 0) == stored.checksum else { return false }",
        "guard table.view.hash(seed: 0) == stored.checksum || PLANTED else { return false }")),
    PlantedBug(
      "checkpoint-beyond-the-log", "A checkpoint that covers more than there is of the log is used all the same.",
      caughtBy: "TornTailTests/checkpointKnowsThatMoreWasThere",
      Edit(
        recoveryFile, "guard segment.end >= SegmentHeader.recordsStart, segment.end <= files[index].byteCount else {",
        "guard segment.end >= SegmentHeader.recordsStart, segment.end <= files[index].byteCount || PLANTED else {"),
      Edit(
        recoveryFile, "if let covered = checkpoint?.header, cursor.sequence < covered.endSequence {",
        "if let covered = checkpoint?.header, cursor.sequence < covered.endSequence, !PLANTED {")),
    PlantedBug(
      "entries-counted-by-the-end", "A checkpoint's count of its end is taken for that of the copies it has.",
      caughtBy: "CheckpointWindowTests/writesWithinACheckpoint",
      Edit(
        recoveryFile, "checkpoint.shards.reduce(0) { $0 + UInt64($1.entries) }, at: Counter.liveEntries.rawValue)",
        "PLANTED ? checkpoint.header.liveEntries : checkpoint.shards.reduce(0) { $0 + UInt64($1.entries) }, "
          + "at: Counter.liveEntries.rawValue)")),
    PlantedBug(
      "copies-taken-for-the-end",
      "What came between the copy of a shard and the end of its checkpoint is not replayed.",
      caughtBy: "CheckpointWindowTests/writesWithinACheckpoint",
      Edit(
        "Cairn/Log/Replay.swift", "if sequence <= checkpoint.shards[shard].sequence { continue }",
        "if sequence <= (PLANTED ? countedSequence : checkpoint.shards[shard].sequence) { continue }")),
    PlantedBug(
      "leftovers-stay", "Files that an interrupted write has left behind are not removed.",
      caughtBy: "FaultTests/leftoversAreRemoved",
      Edit(
        "Cairn/Engine/Engine+Open.swift",
        "    for name in try directory.names() where Self.isTemporary(name) {",
        "    for name in try directory.names() where Self.isTemporary(name) && !PLANTED {")),
    PlantedBug(
      "reserved-space-kept", "Space behind the last record of a segment that is over is not given back.",
      caughtBy: "FaultTests/reservedSpaceComesBack",
      Edit(
        "Cairn/Engine/Engine+Open.swift", "      guard let end = segment.end else { continue }",
        "      guard let end = segment.end, !PLANTED else { continue }")),
  ]

  private static let recoveryFile = "Cairn/Engine/Recovery.swift"
  private static let end = "Cairn/Engine/Recovery+End.swift"
}
