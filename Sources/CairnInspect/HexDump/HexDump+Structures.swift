internal import Cairn

extension HexDump {
  // MARK: SPEC 2

  mutating func takeStoreHeader(_ offset: Int) throws(StoreError) {
    guard window.byteCount >= StoreHeader.byteCount else { return try takeBytes("a store header cut short", offset) }
    try addBeginning(of: "store header")
    for (name, at) in [("incompatible", 24), ("read-only compatible", 32), ("compatible", 40)] {
      add(name, at, 8, "features " + String(hex: try word(at)))
    }
    add("store", 48, 16, String(hex: try word(48)) + String(hex: try word(56)))
    add("hash seed", 64, 8, String(hex: try word(64)))
    try addTime("created", 72)
    add("reserved", 80, 176)
    for entry in 0..<32 where try word(256 + entry * 64 + 2, 1) == 1 {
      let at = 256 + entry * 64
      let name = (try window.bytes(at: at + 3, 61)?.array() ?? []).prefix { $0 != 0 }
      add("feature name", at, 64, "word \(try word(at, 1)), bit \(try word(at + 1, 1)): \(Escaping.text(Array(name)))")
    }
    try addChecksum(4088, try window.bytes(at: 0, 4088)?.hash(seed: 0))
  }

  private mutating func addBeginning(of what: String) throws(StoreError) {
    begin(what, isIntact: true)
    add("magic", 0, 16)
    try addNumber("major version", 16, 2)
    try addNumber("minor version", 18, 2)
    try addNumber("length", 20, 4)
  }

  // MARK: SPEC 3.2

  mutating func takeGone(_ offset: Int) throws(StoreError) {
    let start = GoneSegments.headerBytes
    guard window.byteCount >= start else { return try takeBytes("a list of segments that are gone, cut short", offset) }
    if offset < start { return try takeGoneHeader() }
    let at = start + (offset - start) / GoneSegments.rangeBytes * GoneSegments.rangeBytes
    guard at + GoneSegments.rangeBytes <= window.byteCount else {
      return try takeBytes("bytes behind the ranges of segments that are gone", offset)
    }
    begin("range of segments that are gone", isIntact: try word(56) == rangesChecksum())
    try addNumber("first", at)
    try addNumber("last", at + 8)
    try addNumber("previous end", at + 16)
    add("previous checksum", at + 24, 8, String(hex: try word(at + 24)))
  }

  /// `nil` if there cannot be as many ranges as the file has bytes for.
  private func rangesChecksum() throws(StoreError) -> UInt64? {
    let byteCount = window.byteCount - GoneSegments.headerBytes
    guard byteCount <= GoneSegments.rangesMax * GoneSegments.rangeBytes else { return nil }
    return try window.bytes(at: GoneSegments.headerBytes, byteCount)?.hash(seed: 0)
  }

  private mutating func takeGoneHeader() throws(StoreError) {
    try addBeginning(of: "list of segments that are gone")
    add("store", 24, 16, String(hex: try word(24)) + String(hex: try word(32)))
    try addNumber("history", 40)
    try addNumber("ranges", 48)
    let (stored, computed) = (try word(56), try rangesChecksum())
    add("ranges checksum", 56, 8, String(hex: stored) + (computed == stored ? ", as it should be" : ", not theirs"))
    add("features", 64, 8, String(hex: try word(64)))
    add("reserved", 72, 48)
    try addChecksum(120, try window.bytes(at: 0, 120)?.hash(seed: 0))
    if computed != stored { begin(title, isIntact: false) }
  }

  // MARK: SPEC 3, 4

  mutating func takeSegment(_ offset: Int) throws(StoreError) {
    let start = SegmentHeader.recordsStart
    guard window.byteCount >= start else { return try takeBytes("a segment cut short", offset) }
    if offset < start { return try takeSegmentHeader() }
    let salt = try word(56)
    var at = start
    while at <= offset, let end = try end(ofRecordAt: at, salt) {
      if end > offset { return try takeRecord(at, salt) }
      at = end
    }
    // Behind damage, or where the log has ended: whoever knows that a record stands here is shown it.
    let place = offset & ~7
    if try end(ofRecordAt: place, salt) != nil { return try takeRecord(place, salt) }
    let behind = try window.bytes(at: at, min(4096, window.byteCount - at))
    let isReserved = behind.map { $0.isZero(0, $0.count) } ?? false
    try takeBytes(
      isReserved
        ? "reserved space behind the last record, which ends at byte \(at)"
        : "no valid record (the last one from the beginning on ends at byte \(at))", offset, isIntact: isReserved)
  }

  private mutating func takeSegmentHeader() throws(StoreError) {
    try addBeginning(of: "segment header")
    add("store", 24, 16, String(hex: try word(24)) + String(hex: try word(32)))
    try addNumber("segment", 40)
    try addNumber("epoch", 48)
    add("salt", 56, 8, String(hex: try word(56)))
    try addTime("created", 64)
    try addNumber("kind", 72, 4)
    try addNumber("features", 76, 4)
    add("reserved", 80, 168)
    try addChecksum(248, try window.bytes(at: 0, 248)?.hash(seed: 0))
  }

  private func header(at offset: Int) throws(StoreError) -> RecordHeader? {
    guard let start = try window.bytes(at: offset, RecordHeader.byteCount),
      let claimed = RecordHeader(beginning: start, at: 0)?.recordByteCount,
      let bytes = try window.bytes(at: offset, claimed)
    else { return nil }
    return RecordHeader(decoding: bytes, at: 0)
  }

  private func end(ofRecordAt offset: Int, _ salt: UInt64) throws(StoreError) -> Int? {
    guard let header = try header(at: offset), let bytes = try window.bytes(at: offset, header.recordByteCount),
      header.isIntact(bytes, offset: offset, salt: salt)
    else { return nil }
    return offset + header.recordByteCount
  }

  private mutating func takeRecord(_ at: Int, _ salt: UInt64) throws(StoreError) {
    guard let header = try header(at: at) else { return }
    begin("record of \(header.recordByteCount) bytes at byte \(at)", isIntact: true)
    add("checksum", at, 8, String(hex: try word(at)) + ", as it should be")
    try addNumber("sequence", at + 8)
    try addNumber("value length", at + 16, 4)
    try addNumber("key length", at + 20, 2)
    add("kind", at + 22, 1, Self.kindName(header.kind))
    add("extension length", at + 23, 1, "\(header.extensionByteCount) bytes")
    add("flags", at + 24, 2, Self.flagNames(header.flags))
    try addNumber("codec", at + 26, 1)
    try addNumber("dictionary", at + 27, 1)
    add("durable", at + 28, 4, "\(header.durableByteCount) bytes of this segment")
    var fields = header.extensionByteCount
    var place = at + RecordHeader.byteCount
    if header.flags & RecordHeader.Flags.expiry != 0 && fields >= 8 {
      try addTime("deadline", place)
      (place, fields) = (place + 8, fields - 8)
    }
    if header.flags & RecordHeader.Flags.version != 0 && fields >= 8 {
      try addNumber("version", place)
      (place, fields) = (place + 8, fields - 8)
    }
    if header.kind == RecordHeader.Kind.earlier && fields >= RecordHeader.replacementItemBytes {
      try addNumber("item", place)
      try addNumber("replaced by", place + 8)
      try addTime("replaced", place + 16)
      (place, fields) = (place + RecordHeader.replacementItemBytes, fields - RecordHeader.replacementItemBytes)
    }
    if header.kind == RecordHeader.Kind.put || header.kind == RecordHeader.Kind.earlier, fields >= 8,
      try word(place, 1) == UInt64(AttributeItem.type), try word(place + 1, 1) > 0
    {
      let byteCount = min(fields, Int(try word(place + 1, 1)) * 8)
      let record = try window.bytes(at: at, header.recordByteCount)
      let attributes = record.map { Attributes(header.attributes($0, at: 0)) } ?? [:]
      add("attributes", place, byteCount, attributes.names.map(Escaping.text).joined(separator: ", "))
      (place, fields) = (place + byteCount, fields - byteCount)
    }
    if header.kind == RecordHeader.Kind.delete, fields >= 8, try word(place, 1) == UInt64(CauseItem.type),
      try word(place + 1, 1) > 0
    {
      let byteCount = min(fields, Int(try word(place + 1, 1)) * 8)
      let record = try window.bytes(at: at, header.recordByteCount)
      add("cause", place, byteCount, record.map { header.cause($0, at: 0).text } ?? "")
      (place, fields) = (place + byteCount, fields - byteCount)
    }
    if fields > 0 { add("extension", place, fields) }
    if header.keyByteCount > 0 { add("key", at + header.keyOffset, header.keyByteCount) }
    try addValue(at + header.valueOffset, header)
    let end = header.valueOffset + header.valueByteCount
    if end < header.recordByteCount { add("padding", at + end, header.recordByteCount - end) }
  }

  private mutating func addValue(_ at: Int, _ header: RecordHeader) throws(StoreError) {
    switch header.kind {
    case RecordHeader.Kind.link where header.valueByteCount >= LinkValue.byteCount:
      try addNumber("previous", at)
      try addNumber("previous end", at + 8)
      add("previous checksum", at + 16, 8, String(hex: try word(at + 16)))
      try addNumber("previous durable", at + 24)
      try addNumber("epoch", at + 32)
    case RecordHeader.Kind.seal where header.valueByteCount >= SealValue.byteCount:
      let reason = UInt32(try word(at, 4))
      let names = [SealValue.Reason.closed: "closed", SealValue.Reason.continued: "continued"]
      add("reason", at, 4, names[reason] ?? "\(reason)")
      add("reserved", at + 4, 4)
      try addNumber("epoch", at + 8)
      try addNumber("next segment", at + 16)
    default:
      if header.valueByteCount > 0 { add("value", at, header.valueByteCount) }
    }
  }

  private static func kindName(_ kind: UInt8) -> String {
    switch kind {
    case RecordHeader.Kind.put: "put"
    case RecordHeader.Kind.delete: "remove"
    case RecordHeader.Kind.seal: "seal"
    case RecordHeader.Kind.link: "link"
    case RecordHeader.Kind.barrier: "barrier"
    case RecordHeader.Kind.dictionary: "129, dictionary"
    case RecordHeader.Kind.earlier: "130, earlier version"
    default: "\(kind), of a newer version" + (kind & RecordHeader.Kind.skippable != 0 ? ", may be skipped" : "")
    }
  }

  private static func flagNames(_ flags: UInt16) -> String {
    let names = (0..<16).filter { flags & 1 << UInt16($0) != 0 }.map { bit in
      switch UInt16(1) << UInt16(bit) {
      case RecordHeader.Flags.moreFollows: "more follows"
      case RecordHeader.Flags.expiry: "expiry"
      case RecordHeader.Flags.version: "version"
      case RecordHeader.Flags.earlierDurable: "earlier segments durable"
      default: "bit \(bit)"
      }
    }
    return names.isEmpty ? "none" : names.joined(separator: ", ")
  }

  // MARK: SPEC 5

  mutating func takeCheckpoint(_ offset: Int) throws(StoreError) {
    guard let first = try window.bytes(at: 0, CheckpointHeader.byteCount),
      let header = CheckpointHeader(decoding: first), offset >= CheckpointHeader.byteCount
    else { return try takeCheckpointHeader(offset) }
    if offset < CheckpointHeader.bucketsStart {
      let shard = (offset - CheckpointHeader.directoryStart) / CheckpointHeader.shardBytes
      try takeShard(shard, CheckpointHeader.directoryStart + shard * CheckpointHeader.shardBytes, header)
    } else if offset >= header.segmentsOffset && header.fileByteCount <= window.byteCount {
      let number = (offset - header.segmentsOffset) / CheckpointHeader.segmentBytes
      try takeTableEntry(header.segmentsOffset + number * CheckpointHeader.segmentBytes, header)
    } else {
      try takeBucket(offset & ~63)
    }
  }

  private mutating func takeCheckpointHeader(_ offset: Int) throws(StoreError) {
    guard window.byteCount >= CheckpointHeader.byteCount else {
      return try takeBytes("a checkpoint cut short", offset)
    }
    try addBeginning(of: "checkpoint header")
    add("store", 24, 16, String(hex: try word(24)) + String(hex: try word(32)))
    add("hash seed", 40, 8, String(hex: try word(40)))
    let names = [
      "epoch", "start: segment", "start: offset", "start: sequence", "end: segment", "end: offset", "end: sequence",
      "last: offset",
    ]
    for (number, name) in names.enumerated() { try addNumber(name, 48 + number * 8) }
    add("last: checksum", 112, 8, String(hex: try word(112)))
    try addNumber("entries", 120)
    try addNumber("shards", 128, 4)
    try addNumber("segments", 132, 4)
    add("directory checksum", 136, 8, String(hex: try word(136)))
    try addNumber("table offset", 144)
    add("table checksum", 152, 8, String(hex: try word(152)))
    add("features", 160, 8, String(hex: try word(160)))
    try addNumber("deadlines", 168)
    add("deadlines checksum", 176, 8, String(hex: try word(176)))
    try addNumber("barriers", 184)
    try addNumber("barriers: bytes", 192)
    add("barriers checksum", 200, 8, String(hex: try word(200)))
    try addChecksum(4088, try window.bytes(at: 0, 4088)?.hash(seed: 0))
  }

  private mutating func takeShard(_ number: Int, _ at: Int, _ header: CheckpointHeader) throws(StoreError) {
    let directory = try window.bytes(at: CheckpointHeader.directoryStart, CheckpointHeader.directoryBytes)
    begin(
      "shard \(number) in the directory of the checkpoint",
      isIntact: directory?.hash(seed: 0) == header.directoryChecksum)
    try addNumber("offset", at)
    try addNumber("buckets", at + 8, 4)
    try addNumber("entries", at + 12, 4)
    add("checksum", at + 16, 8, String(hex: try word(at + 16)))
    try addNumber("sequence", at + 24)
  }

  private mutating func takeBucket(_ at: Int) throws(StoreError) {
    // The shard that has it.
    var shard: (number: Int, isIntact: Bool)?
    for number in 0..<CheckpointHeader.directoryBytes / CheckpointHeader.shardBytes {
      let place = CheckpointHeader.directoryStart + number * CheckpointHeader.shardBytes
      guard let view = try window.bytes(at: place, CheckpointHeader.shardBytes) else { break }
      let stored = CheckpointShard(decoding: view)
      let byteCount = stored.buckets * CheckpointFile.bucketBytes
      guard stored.offset <= at, at < stored.offset &+ byteCount else { continue }
      let isIntact = try window.bytes(at: stored.offset, byteCount)?.hash(seed: 0) == stored.checksum
      shard = (number, isIntact)
    }
    begin(
      shard.map { "bucket of shard \($0.number) of the checkpoint" } ?? "no bucket of any shard of the checkpoint",
      isIntact: shard?.isIntact ?? false)
    for place in stride(from: at, to: min(at + 64, window.byteCount - 7), by: 8) {
      let entry = try word(place)
      add(
        "entry", place, 8,
        entry == 0
          ? "none"
          : "fingerprint \(String(hex: entry >> 40)), segment \(entry >> 24 & 0xFFFF), byte \((entry & 0xFF_FFFF) * 8)")
    }
  }

  private mutating func takeTableEntry(_ at: Int, _ header: CheckpointHeader) throws(StoreError) {
    let byteCount = header.segmentCount * CheckpointHeader.segmentBytes
    let table = try window.bytes(at: header.segmentsOffset, byteCount)
    begin(
      "segment in the table of the checkpoint", isIntact: table?.hash(seed: 0) == header.segmentsChecksum)
    try addNumber("number", at)
    add("salt", at + 8, 8, String(hex: try word(at + 8)))
    try addNumber("end", at + 16)
    try addNumber("live bytes", at + 24)
    try addNumber("first sequence", at + 32)
    try addNumber("slot", at + 40)
    try addNumber("remove bytes", at + 48)
  }
}
