extension PlantedBug {
  /// What records say of attributes.
  static let attributes: [PlantedBug] = [
    PlantedBug(
      "attributes-unverified", "Who visits keys gets attributes of damaged records.",
      caughtBy: "AttributeTests/damage",
      Edit(
        "Cairn/API/Store+Scan.swift", "!record.header.saysMore || engine.index",
        "!record.header.saysMore || PLANTED || engine.index")),
    PlantedBug(
      "attributes-lost-by-update", "Who updates a value takes the attributes away.",
      caughtBy: "AttributeTests/everyWayToPutAndToRead",
      Edit(
        "Cairn/API/Store+Write.swift", "attributes: old.attributes,", "attributes: PLANTED ? [:] : old.attributes,")),
    PlantedBug(
      "attributes-too-long-to-move", "Attributes are taken that leave no room for what compaction adds.",
      caughtBy: "AttributeTests/limits",
      Edit(
        "Cairn/Format/AttributeItem.swift", "guard item.count <= wordsMax * 8 else",
        "guard item.count <= (PLANTED ? 255 : wordsMax) * 8 else")),
    PlantedBug(
      "attributes-out-of-order", "Attributes are believed whose names are not in order.",
      caughtBy: "AttributeTests/bytesThatAreNoAttributes",
      Edit(
        "Cairn/Format/AttributeItem.swift", "guard one.isValid, last.map({ $0.precedes(one.name) }) ?? true else",
        "guard one.isValid, PLANTED || last.map({ $0.precedes(one.name) }) ?? true else")),
  ]
}
