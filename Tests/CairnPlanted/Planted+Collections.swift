extension PlantedBug {
  /// Collections, what entries are made from, and what goes with a change.
  static let collections: [PlantedBug] = [
    PlantedBug(
      "changes-while-counting-lost", "What is put while a collection is being counted does not count.",
      caughtBy: "CollectionTests/changedWhileCounted",
      Edit(
        "CairnIndex/Collections/Collections.swift", "where event.sequence > sequence {",
        "where !PLANTED && event.sequence > sequence {")),
    PlantedBug(
      "dropped-collection-counted", "A collection that was dropped has its counts still.",
      caughtBy: "CollectionTests/randomOperations",
      Edit(
        "CairnIndex/Collections/Collections.swift", "case .removeAll: totals[collection].removeAll()",
        "case .removeAll: if !PLANTED { totals[collection].removeAll() }")),
    PlantedBug(
      "replaced-entries-counted", "What is replaced in a collection counts as well as what has replaced it.",
      caughtBy: "CollectionTests/randomOperations",
      Edit(
        "CairnIndex/Collections/Collections.swift", "if change.isReplacing {", "if change.isReplacing && !PLANTED {")),
    PlantedBug(
      "keys-of-other-collections", "Keys that were kept of some collections are taken for those of others.",
      caughtBy: "CollectionTests/declaredOtherwise",
      Edit(
        "CairnIndex/Ordered/KeyTree+File.swift",
        "        [UInt8](copying: bytes.extracting(directory.scope)) == scope(prefixes)",
        "        PLANTED || [UInt8](copying: bytes.extracting(directory.scope)) == scope(prefixes)")),
    PlantedBug(
      "later-minor-version-read", "Values of a later version of the schema are taken for those of this one.",
      caughtBy: "SchemaTests/versions",
      Edit(
        "CairnIndex/Collections/Store+Collection.swift", "version > schema { return .later }",
        "version > schema { return PLANTED ? .useful : .later }")),
    PlantedBug(
      "sources-of-sources-not-asked", "An entry counts as fresh though what it was made from is stale.",
      caughtBy: "SourcesTests/randomGraphs",
      Edit(
        "CairnIndex/Dependencies/Freshness.swift", "isFresh = self.isFresh(entry.attributes, depth: depth + 1)",
        "isFresh = PLANTED || self.isFresh(entry.attributes, depth: depth + 1)")),
    PlantedBug(
      "tag-invalidated-once", "A tag that was invalidated before stays as it is.", caughtBy: "SourcesTests/tags",
      Edit(
        "CairnIndex/Dependencies/Store+Sources.swift",
        "try put(\"invalidated\", for: Sources.key(tag: tag), durability: durability)",
        "PLANTED ? try putIfChanged(\"\", for: Sources.key(tag: tag)) : try put(\"\", for: Sources.key(tag: tag))")),
    PlantedBug(
      "consequences-by-themselves", "What goes with a change is a commit of its own: a crash may leave the one alone.",
      caughtBy: "RuleTests/cutAnywhere",
      Edit(
        "Cairn/Engine/Engine+Consequences.swift", "flags: RecordHeader.Flags.moreFollows)",
        "flags: PLANTED ? 0 : RecordHeader.Flags.moreFollows)")),
    PlantedBug(
      "cause-lost-when-moved", "A remove does not say why any more once compaction has moved it.",
      caughtBy: "CauseTests/movesWithTheRemove",
      Edit(
        "Cairn/Engine/Engine+Move.swift",
        "CauseItem.encode(candidate.header.cause(memory, at: candidate.offset))",
        "PLANTED ? [] : CauseItem.encode(candidate.header.cause(memory, at: candidate.offset))")),
  ]
}
