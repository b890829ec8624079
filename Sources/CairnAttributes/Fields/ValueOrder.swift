/// The codes of the values of a field, in the order of these: brought up to date when it is asked for.
struct ValueOrder: ~Copyable {
  private(set) var codes = Column<UInt32>()
  /// Those that have come since. There may be some that are gone again, and some twice.
  private var added = Column<UInt32>()
  /// By code: whether it stands in `codes` as what it is now.
  private var isOrdered = Column<Bool>()
  private var hasGone = false
  /// By code, its place in `codes`.
  private var ranks = Column<UInt32>()
  private var hasRanks = false

  mutating func insert(_ code: UInt32) {
    isOrdered.extend(to: code, with: false)
    added.append(code)
    if added.count > 2 * isOrdered.count + 1024 { forgetRepeated() }
  }

  /// Values come and go, and nobody asks for their order: no code is to stand there more often than once.
  private mutating func forgetRepeated() {
    added.truncate(to: 0)
    for code in 0..<isOrdered.count where !isOrdered[code] { added.append(UInt32(code)) }
  }

  mutating func remove(_ code: UInt32) {
    if isOrdered[code] { hasGone = true }
    isOrdered[code] = false
  }

  /// Costs nothing if no value has come or gone since the last time.
  mutating func settle(_ values: borrowing ByteTable) {
    if hasGone {
      var kept = 0
      for index in 0..<codes.count {
        let code = codes[index]
        codes[kept] = code
        kept += isOrdered[code] ? 1 : 0
      }
      codes.truncate(to: kept)
      hasGone = false
      hasRanks = false
    }
    if added.isEmpty { return }
    var new = Column<UInt32>()
    for index in 0..<added.count {
      let code = added[index]
      if isOrdered[code] || !values.contains(code) { continue }
      isOrdered[code] = true
      new.append(code)
    }
    added = Column()
    hasRanks = false
    new.sort { Self.isBefore(values.bytes($0), values.bytes($1)) }
    merge(new, values)
  }

  mutating func settleRanks(_ values: borrowing ByteTable) {
    settle(values)
    if hasRanks { return }
    ranks.truncate(to: 0)
    ranks.extend(to: UInt32(isOrdered.count), with: 0)
    for index in 0..<codes.count { ranks[codes[index]] = UInt32(index) }
    hasRanks = true
  }

  func rank(_ code: UInt32) -> UInt32 { ranks[code] }

  private mutating func merge(_ new: borrowing Column<UInt32>, _ values: borrowing ByteTable) {
    var merged = Column<UInt32>()
    var place = 0
    for index in 0..<codes.count {
      let code = codes[index]
      while place < new.count && Self.isBefore(values.bytes(new[place]), values.bytes(code)) {
        merged.append(new[place])
        place += 1
      }
      merged.append(code)
    }
    while place < new.count {
      merged.append(new[place])
      place += 1
    }
    codes = merged
  }

  static func isBefore(_ a: Bytes, _ b: Bytes) -> Bool {
    let order = StoredValue.order(a, b)
    return order < 0 || order == 0 && a.load(0, as: UInt8.self) < b.load(0, as: UInt8.self)
  }

  var memoryByteCount: Int {
    codes.memoryByteCount + added.memoryByteCount + isOrdered.memoryByteCount + ranks.memoryByteCount
  }
}
