extension PlantedBug {
  /// What records say of attributes.
  static let attributes: [PlantedBug] = [
    PlantedBug(
      "attributes-unverified", "Indexes are made of attributes in damaged records.",
      caughtBy: "AttributeTests/damage",
      Edit(
        "Cairn/API/Store+Scan.swift", "!record.header.saysMore || engine.index",
        "!record.header.saysMore || PLANTED || engine.index")),
    PlantedBug(
      "attributes-lost-by-update", "Who updates a value takes the attributes away.",
      caughtBy: "AttributeTests/everyWayToPutAndToRead",
      Edit(
        "Cairn/API/Store+Write.swift", "AttributeItem.encode(old.attributes)",
        "AttributeItem.encode(PLANTED ? [:] : old.attributes)")),
    PlantedBug(
      "attributes-too-long-to-move", "Attributes are taken that leave no room for what compaction adds.",
      caughtBy: "AttributeTests/limits",
      Edit(
        "Cairn/Format/AttributeItem.swift", "guard item.count <= wordsMax * 8 else",
        "guard item.count <= (PLANTED ? 255 : wordsMax) * 8 else")),
    PlantedBug(
      "attributes-out-of-order", "Attributes are believed whose names are not in order.",
      caughtBy: "FormatCaseTests/theEngineReads",
      Edit(
        "Cairn/Format/AttributeItem.swift", "guard one.isValid, last.map({ $0.precedes(one.name) }) ?? true else",
        "guard one.isValid, PLANTED || last.map({ $0.precedes(one.name) }) ?? true else")),
    PlantedBug(
      "put-without-attributes-not-noted",
      "What was read before is indexed, though its entry was put without attributes meanwhile.",
      caughtBy: "IndexedAttributesTests/changedWhileRead",
      Edit(
        "CairnAttributes/API/IndexedAttributes.swift", "if change.attributes.isEmpty {",
        "if change.attributes.isEmpty && !PLANTED {")),
    PlantedBug(
      "indexes-not-told-of-barriers", "Indexes of attributes have what was invalidated.",
      caughtBy: "IndexedAttributesTests/randomOperations",
      Edit(
        "CairnAttributes/API/IndexedAttributes.swift", "      table.removeAll(prefix: change.key)",
        "      if !PLANTED { table.removeAll(prefix: change.key) }")),
    PlantedBug(
      "expired-entries-counted", "Counts have entries that have expired.",
      caughtBy: "IndexedAttributesTests/randomOperations",
      Edit(
        "CairnAttributes/API/Store+IndexedAttributes.swift", "        state.table.expire(at: now)",
        "        if !PLANTED { state.table.expire(at: now) }"),
      Edit(
        "CairnAttributes/API/Store+IndexedAttributes.swift", "      indexed.expire(at: now)",
        "      if !PLANTED { indexed.expire(at: now) }")),
    PlantedBug(
      "attributes-of-other-types-taken", "Attributes are put of other types than were declared.",
      caughtBy: "IndexedAttributesTests/whatIsRefused",
      Edit(
        "CairnAttributes/API/IndexedAttributes.swift", "if index.takes(kind) { return }",
        "if index.takes(kind) || PLANTED { return }")),
  ]
}
