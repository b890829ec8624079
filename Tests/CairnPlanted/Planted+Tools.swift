extension PlantedBug {
  /// Backups, frozen stores, `kvdump`.
  static let tools: [PlantedBug] = [
    PlantedBug(
      "backup-not-synced", "A file of a backup is not synced before the backup takes its place.",
      caughtBy: "BackupCrashTests/firstCrashes",
      Edit(
        copy, "    if isLast { try close(segment, file, end) }\n    try file.sync()\n",
        "    if isLast { try close(segment, file, end) }\n    if !PLANTED { try file.sync() }\n")),
    PlantedBug(
      "kept-file-not-synced", "A file that a backup takes over from an earlier one is not synced.",
      caughtBy: "BackupCrashTests/keptIsOnTheDisk",
      Edit(copy, "      try content.file.sync()\n", "      if !PLANTED { try content.file.sync() }\n")),
    PlantedBug(
      "lock-of-a-removed-file", "The lock of a file that has been removed counts as the lock of its place.",
      caughtBy: "BackupsAtOnceTests/aLockThatIsRemoved",
      Edit(
        "Cairn/IO/System.swift", "if !isNamed || own.st_ino",
        "if PLANTED { return opened }\n    if !isNamed || own.st_ino")),
    PlantedBug(
      "old-backup-removed-too-early", "The earlier backup is removed before the name of the new one is on the disk.",
      caughtBy: "BackupCrashTests/crashes",
      Edit(
        "Cairn/Backup/BackupTarget.swift", "    try parent.sync()\n    // What stays of it",
        "    if !PLANTED { try parent.sync() }\n    // What stays of it")),
    PlantedBug(
      "copy-not-verified", "What has been copied into a backup, or restored from one, is not read again.",
      caughtBy: "BackupTests/damagedSource",
      Edit(copy, "guard end.offset == segment.end else {", "guard end.offset == segment.end || PLANTED else {")),
    PlantedBug(
      "backup-cut-off", "A backup that has lost its end is restored as if it were whole.",
      caughtBy: "BackupTests/damagedBackup",
      Edit(copy, "    if mustBeClosed {\n", "    if mustBeClosed && !PLANTED {\n")),
    PlantedBug(
      "frozen-before-sync", "A frozen store takes its place before it is on the disk.",
      caughtBy: "FrozenCrashTests/crashes",
      Edit(
        "Cairn/Frozen/FrozenOutput.swift", "    try file.write(view, at: 0)\n    try file.sync()\n",
        "    try file.write(view, at: 0)\n    if !PLANTED { try file.sync() }\n")),
    PlantedBug(
      "frozen-leftovers-stay", "Frozen stores that were never finished are not removed.",
      caughtBy: "FreezeTests/leftovers",
      Edit(
        "Cairn/Frozen/FrozenTarget.swift", "    for other in try directory.names() where name.isUnused(other) {",
        "    for other in try directory.names() where name.isUnused(other) && !PLANTED {")),
    PlantedBug(
      "verify-skips-the-seal", "kvdump verify does not ask for the segment that a seal names.",
      caughtBy: "VerifyTests/missingSegments",
      Edit(
        "CairnInspect/Log/LogWalk+Judge.swift", "    if !next.exists && (cursor.isContinued ||",
        "    if !next.exists && (cursor.isContinued && !PLANTED ||")),
    PlantedBug(
      "repair-keeps-what-is-damaged", "kvdump repair keeps records that do not verify.",
      caughtBy: "RepairTests/everythingThatVerifies",
      Edit(
        "CairnInspect/Log/SegmentReader.swift",
        "      header.isIntact(bytes, offset: offset, salt: self.header.salt)\n",
        "      header.isIntact(bytes, offset: offset, salt: self.header.salt) || PLANTED\n")),
  ]

  private static let copy = "Cairn/Backup/BackupCopy.swift"
}
