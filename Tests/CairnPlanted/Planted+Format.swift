extension PlantedBug {
  /// Bytes of files: what checksums cover, and what is believed of lengths.
  static let format: [PlantedBug] = [
    PlantedBug(
      "lengths-outside-the-checksum", "The checksum of a record does not cover its sequence and its lengths.",
      caughtBy: "DamageTests/damageBelowTheWatermarkIsReported",
      Edit(
        record, "let checksum = view.slice(offset + 8, byteCount - 8).hash(",
        "let first = PLANTED ? 24 : 8\n    let checksum = view.slice(offset + first, byteCount - first).hash("),
      Edit(
        record, "checksum == bytes.slice(8, bytes.count - 8).hash(",
        "checksum == bytes.slice(PLANTED ? 24 : 8, bytes.count - (PLANTED ? 24 : 8)).hash(")),
    PlantedBug(
      "offset-not-in-the-checksum", "A record verifies wherever in its segment it stands.",
      caughtBy: "TornTailTests/recordsOfAnotherPlace",
      Edit(
        record, "(UInt64(truncatingIfNeeded: offset) &* 0x9E37_79B9_7F4A_7C15)",
        "(PLANTED ? 0 : UInt64(truncatingIfNeeded: offset) &* 0x9E37_79B9_7F4A_7C15)")),
    PlantedBug(
      "salt-not-in-the-checksum", "A record verifies in any segment, also in a later one of the same number.",
      caughtBy: "FormatTests/theExampleOfTheSpecification",
      Edit(record, "    salt ^", "    (PLANTED ? 0 : salt) ^")),
    PlantedBug(
      "checksum-not-verified", "The checksum of a record that is read is not looked at.",
      caughtBy: "DamageTests/aFlippedValueIsReported",
      Edit(hashIndex, "if verifying || !isSame {", "if (verifying && !PLANTED) || !isSame {")),
    PlantedBug(
      "length-truncated", "The length of a value is cut to sixteen bits where the record is made.",
      caughtBy: "StoreTests/aValueOfTheGreatestSize",
      Edit(
        record, "lengths = UInt64(UInt32(value)) |",
        "lengths = (PLANTED ? UInt64(UInt16(truncatingIfNeeded: value)) : UInt64(UInt32(value))) |")),
    PlantedBug(
      "length-believed", "What a record says of its length is believed before the file is known to have as much.",
      caughtBy: "TornTailTests/everyLength",
      Edit(
        record, "guard recordByteCount <= view.count - offset else { return nil }",
        "guard recordByteCount <= view.count - offset || PLANTED else { return nil }")),
    PlantedBug(
      "broken-frame-shown",
      "What is left of a value in a broken frame is shown as if it were whole.",
      caughtBy: "CompressionTests/lies",
      Edit(
        codec, "return ZSTD_isError(count) == 0 && count == target.count",
        "return ZSTD_isError(count) == 0 && count == target.count || PLANTED")),
    PlantedBug(
      "unknown-feature-ignored", "A store that needs a feature of a newer version is opened all the same.",
      caughtBy: "FormatTests/unknownFeatures",
      Edit(headers, "    if incompatible != 0 {", "    if incompatible != 0 && !PLANTED {")),
    PlantedBug(
      "padding-not-zeroed", "The bytes between a record and the next one are whatever was there before.",
      caughtBy: "FormatTests/paddingIsZero",
      Edit(
        commit, "    memory.store(UInt64(0), at: at + byteCount - 8)\n    if let deadline",
        "    memory.store(PLANTED ? UInt64.max : 0, at: at + byteCount - 8)\n    if let deadline")),
  ]

  private static let record = "Cairn/Format/Record.swift"
  private static let headers = "Cairn/Format/FileHeaders.swift"
  private static let hashIndex = "Cairn/Views/HashIndex.swift"
  private static let codec = "Cairn/Memory/ValueCodec.swift"
  private static let commit = "Cairn/Engine/Engine+Commit.swift"
}
