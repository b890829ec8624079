import Cairn
import CairnTestSupport
import Testing

/// Goal: of records that are valid but should not be where they are, or say what nobody knows, nothing is guessed.
/// Method: logs written by hand, given to the engine and to `kvdump`, which must agree.
@Suite struct ForgedLogTests {
  typealias Record = ForgedSegment.Record

  private func opened(_ path: String, _ access: Store.Options.Access) throws -> Store {
    try Store.open(at: path, options: Store.Options(access))
  }

  private func keys(_ store: Store) throws -> [String] {
    var keys: [String] = []
    try store.forEachKey { entry in
      keys.append(String(decoding: unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }, as: UTF8.self))
      return true
    }
    return keys.sorted()
  }

  private func expectDamage(
    _ log: ForgedLog, at offset: Int, before: [String], _ location: SourceLocation = #_sourceLocation
  ) throws {
    try log.write()
    let verified = try Tool.run("verify", log.path)
    #expect(verified.code == 3, "\(verified)", sourceLocation: location)
    #expect(verified.text.contains("at byte \(offset)"), "\(verified.text)", sourceLocation: location)
    let error = #expect(throws: StoreError.self, sourceLocation: location) { try opened(log.path, .mustExist).close() }
    #expect(
      error?.code == .damaged && error?.byteOffset == offset, "\(error as Any)", sourceLocation: location)
    let store = try opened(log.path, .readOnly)
    #expect(try keys(store) == before, sourceLocation: location)
    try store.close()
  }

  private func expectWhole(_ log: ForgedLog, _ expected: [String], _ location: SourceLocation = #_sourceLocation) throws
  {
    try log.write()
    let verified = try Tool.run("verify", log.path)
    #expect(verified.code == 0, "\(verified)", sourceLocation: location)
    let store = try opened(log.path, .mustExist)
    #expect(try keys(store) == expected, sourceLocation: location)
    try store.put("new", for: "z")
    try store.close()
    let again = try opened(log.path, .mustExist)
    #expect(try keys(again) == expected + ["z"], sourceLocation: location)
    try again.close()
  }

  private func expectNotSupported(_ log: ForgedLog, _ location: SourceLocation = #_sourceLocation) throws {
    try log.write()
    #expect(try Tool.run("verify", log.path).code == 4, sourceLocation: location)
    for access in [Store.Options.Access.readOnly, .mustExist] {
      let error = #expect(throws: StoreError.self, sourceLocation: location) { try opened(log.path, access).close() }
      #expect(error?.code == .unsupportedFormat, "\(error as Any)", sourceLocation: location)
    }
  }

  private func log(_ records: Record...) throws -> ForgedLog {
    var log = try ForgedLog()
    log.add(ForgedLog.link, ForgedLog.put(1, "a", "1"))
    for record in records { log.add(record) }
    return log
  }

  /// F1-REC-010, F1-REC-020: what the engine writes is what the rest of these tests starts from.
  @Test func whole() throws {
    try expectWhole(try log(ForgedLog.put(2, "b", "2")), ["a", "b"])
    try expectWhole(try log(Record(sequence: 2, kind: 2, key: Array("a".utf8))), [])
  }

  /// F1-REC-030: nor does it help that the seal names a segment that is there, if that cannot come next.
  @Test func continuedInItself() throws {
    let log = try log(ForgedLog.seal(1, reason: 2, next: 1))
    try log.write()
    #expect(try Tool.run("verify", log.path).code == 3)
    let error = #expect(throws: StoreError.self) { try opened(log.path, .mustExist).close() }
    #expect(
      error?.code == .damaged && error?.file?.hasSuffix("segment-00000002.log") == true, "\(error as Any)")
    let store = try opened(log.path, .readOnly)
    #expect(store.damage?.code == .damaged)
    #expect(try keys(store) == ["a"])
    try store.close()
  }

  /// F1-REC-022: an index entry has no room for where such a record begins.
  @Test func recordBeyondTheLimit() throws {
    let large = Record(sequence: 2, key: Array("b".utf8), value: [UInt8](repeating: 0, count: 128 << 20))
    let log = try log(large, ForgedLog.put(3, "c", "3"), ForgedLog.put(4, "d", "4"))
    #expect(log.offsets[3] > 128 << 20)
    try expectDamage(log, at: log.offsets[3], before: ["a", "b"])
  }

  /// F1-REC-022, each case with a durable record before it.
  @Test func recordsThatMayNotStandThere() throws {
    let b = Array("b".utf8)
    let cases: [(String, Record)] = [
      ("a sequence left out", Record(sequence: 3, key: b)),
      ("a sequence used twice", Record(sequence: 1, key: b)),
      ("the last sequence", Record(sequence: .max, key: b)),
      ("no key", Record(sequence: 2)),
      ("no deadline", Record(sequence: 2, key: b, flags: 2)),
      ("a link in the middle", Record(sequence: 1, kind: 4, value: ForgedLog.link.value)),
      ("a seal cut short", ForgedLog.seal(1, reason: 1, byteCount: 16)),
      ("a seal out of sequence", ForgedLog.seal(2, reason: 1)),
    ]
    for (name, record) in cases {
      let log = try log(record, ForgedLog.put(2, "c", "3"))
      try expectDamage(log, at: log.offsets[2], before: ["a"])
      #expect(log.offsets.count == 4, "\(name)")
    }
    let batch = try log(Record(sequence: 2, key: b, flags: 1), ForgedLog.seal(2, reason: 1))
    try expectDamage(batch, at: batch.offsets[3], before: ["a"])
    var noLink = try ForgedLog()
    noLink.add(ForgedLog.put(1, "a", "1"))
    try expectDamage(noLink, at: 256, before: [])
  }

  /// F1-END-002, F1-END-003: what was on the disk is known by a later record, even behind a value that resembles
  /// records, and what was not is cut off.
  @Test(arguments: [[0, 0, 0, 0], [0x30, 0x75, 0, 0, 0, 0, 1, 0], [40, 0, 0, 0, 1, 0, 1, 0]] as [[UInt8]])
  func aFlippedBit(pattern: [UInt8]) throws {
    let value = [UInt8]((0..<200).map { _ in pattern }.joined())
    for durable in [nil, 0, 256] as [Int?] {
      var log = try log(
        Record(sequence: 2, key: Array("b".utf8), value: value, durable: durable),
        Record(sequence: 3, key: Array("c".utf8), durable: durable))
      log.flip(log.offsets[2] + 40)
      if durable == nil {
        try expectDamage(log, at: log.offsets[2], before: ["a"])
      } else {
        try expectWhole(log, ["a"])
      }
    }
  }

  /// F1-END-002: the search behind the end is bounded, and what it could not look at is not cut off.
  /// Method: at every multiple of 32 stands what could be the header of a record of 1 MiB.
  @Test func aValueOfHeaders() throws {
    let words: [UInt64] = [2, 0x0001_0001_0010_0000, 0, 2]
    var value: [UInt8] = []
    for index in 0..<(4 << 20) / 8 {
      value += (0..<8).map { UInt8(truncatingIfNeeded: words[index % 4] >> UInt64(8 * $0)) }
    }
    var log = try log(Record(sequence: 2, key: Array("8 bytes.".utf8), value: value, durable: 0))
    log.flip(log.offsets[2] + 33)
    try expectDamage(log, at: log.offsets[2], before: ["a"])
  }

  /// F1-END-002: a segment that ends as its seal says may be known to be on the disk by the one after it, although that
  /// one's own beginning is not there: nothing of the first is missing. Without the seal, something is.
  @Test(arguments: [true, false]) func aSegmentWithoutItsBeginning(isSealed: Bool) throws {
    var log = try log()
    if isSealed { log.add(ForgedLog.seal(1, reason: 2, next: 2)) }
    var next = log.withoutItsFirstPage(number: 2, upTo: 4096)
    next.add(Record(sequence: 2, key: Array("b".utf8), flags: 1 << 8, durable: 256))
    try next.write("segment-00000002.log")
    if isSealed {
      try expectWhole(log, ["a"])
    } else {
      try expectDamage(log, at: log.bytes.count, before: ["a"])
    }
  }

  /// F1-SEG-001: numbers that no segment can have.
  @Test(arguments: [UInt64.max, 1 << 32]) func largestSegmentNumber(number: UInt64) throws {
    var log = try log(ForgedLog.seal(1, reason: 1))
    for byte in 0..<8 { log.setHeaderByte(40 + byte, UInt8(truncatingIfNeeded: number >> UInt64(8 * byte))) }
    Files.remove(log.path + "/segment-00000001.log")
    try log.write("segment-\(number).log")
    let error = #expect(throws: StoreError.self) { try opened(log.path, .mustExist).close() }
    #expect(error?.code == .damaged, "\(error as Any)")
    let store = try opened(log.path, .readOnly)
    #expect(try store.damage?.code == .damaged && keys(store) == [])
    try store.close()
    let verified = try Tool.run("verify", log.path)
    #expect(verified.code == 3, "\(verified.text) \(verified.errors)")
  }

  /// F1-REC-002: behind damage, where the next record tells the sequence, one that is skipped does not.
  @Test func aSkippedRecordBehindDamage() throws {
    var log = try log(
      ForgedLog.put(2, "b", "2"), Record(sequence: 50, kind: 0x85, value: [1, 2, 3]), ForgedLog.put(3, "c", "3"))
    log.flip(log.offsets[2] + 33)
    try expectDamage(log, at: log.offsets[2], before: ["a"])
    let verified = try Tool.run("verify", log.path)
    #expect(!verified.text.contains("is due"), "\(verified.text)")
  }

  /// F1-END-004: the first segment is lost, and one that was made in advance is all that is left.
  @Test func theFirstSegmentIsMissing() throws {
    let log = try log()
    try log.withoutItsFirstPage(number: 2, upTo: 512).write("segment-00000002.log")
    Files.remove(log.path + "/segment-00000001.log")
    let error = #expect(throws: StoreError.self) { try opened(log.path, .mustExist).close() }
    #expect(error?.code == .damaged && error?.file == log.path + "/segment-00000001.log")
    let verified = try Tool.run("verify", log.path)
    #expect(verified.code == 3 && verified.text.contains("segment-00000001.log: a segment is missing"))
  }

  @Test func whatANewerVersionMayWrite() throws {
    // F1-REC-002, F1-SEG-003, and reasons of seals (4.3).
    try expectNotSupported(try log(Record(sequence: 1, kind: 9)))
    try expectNotSupported(try log(ForgedLog.seal(1, reason: 3)))
    for offset in 72..<80 {
      var log = try log()
      log.setHeaderByte(offset, 1)
      try expectNotSupported(log)
    }
    let b = Array("b".utf8)
    // Before its place is judged: what is right for it, only a newer version knows.
    try expectNotSupported(try log(Record(sequence: 2, kind: 9, key: b)))
    try expectNotSupported(try log(Record(sequence: 2, key: b, flags: 1), Record(sequence: 3, kind: 9, key: b)))
    try expectWhole(
      try log(
        Record(sequence: 2, key: b, flags: 1), Record(sequence: 77, kind: 0x85, key: b, flags: 0xFFFE),
        ForgedLog.put(3, "c", "3")), ["a", "b", "c"])
    // Skipped: kinds with bit 7, flags from 9 on, items (F1-REC-003).
    try expectWhole(
      try log(Record(sequence: 1, kind: 0x85, value: [1, 2, 3]), ForgedLog.put(2, "b", "2")), ["a", "b"])
    try expectWhole(try log(Record(sequence: 2, key: b, flags: 0xFE00, fields: [7, 1, 0, 0, 0, 0, 0, 0])), ["a", "b"])
  }

  /// F1-REC-001: an entry of a newer version hides what its key had; all others are there.
  @Test(arguments: 0..<7) func valuesThatAreNotUnderstood(number: Int) throws {
    var strange = Record(
      sequence: 2, key: Array("a".utf8), value: Array("?".utf8), fields: [UInt8](repeating: 0, count: 64))
    switch number {
    case 0..<5: strange.flags = 1 << UInt16(number + 3)
    case 5: strange.codec = 2
    default: strange.dictionary = 1
    }
    let log = try log(strange, ForgedLog.put(3, "b", "2"))
    try log.write()
    let store = try opened(log.path, .mustExist)
    func expectNotUnderstood(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) {
      let error = #expect(throws: StoreError.self, sourceLocation: location, performing: body)
      #expect(error?.code == .unsupportedFormat, sourceLocation: location)
      #expect(error?.byteOffset == log.offsets[2], sourceLocation: location)
    }
    expectNotUnderstood { _ = try store.value(for: "a") }
    #expect(try store.value(for: "b") == Array("2".utf8))
    #expect(try keys(store) == ["a", "b"])
    var visited = 0
    expectNotUnderstood {
      try store.forEach { _ in
        visited += 1
        return true
      }
    }
    #expect(visited == 1)
    var changes = try store.changes(since: 1)
    // Again and again: nobody gets past it by asking twice.
    for _ in 0..<3 { expectNotUnderstood { _ = try changes.next() } }
    try store.close()
    let listed = try Tool.run("list", log.path)
    #expect(listed.code == 4 && listed.text == "b\t2\n", "\(listed)")
    #expect(listed.errors.contains("at byte \(log.offsets[2])"), "\(listed)")
    let listedKeys = try Tool.run("list", "--keys-only", log.path)
    #expect(listedKeys.code == 0 && listedKeys.text == "a\nb\n", "\(listedKeys)")
    #expect(try Tool.run("get", log.path, "a").code == 1)
    #expect(try Tool.run("get", log.path, "b").text == "2")
    #expect(try Tool.run("verify", log.path).code == 4)
  }
}
