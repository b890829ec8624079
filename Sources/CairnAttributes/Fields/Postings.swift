/// Of each code the documents that have it. A code of a single document has no bitmap.
struct Postings: ~Copyable {
  private var bitmaps: [Bitmap?] = []
  /// The document of a code that has but one.
  private var single = Column<UInt32>()
  private var counts = Column<UInt32>()

  func count(_ code: UInt32) -> Int { Int(code) < counts.count ? Int(counts[code]) : 0 }

  /// Not to be changed by who is given it.
  func bitmap(_ code: UInt32) -> Bitmap {
    if let bitmap = bitmaps[Int(code)] { return bitmap }
    let bitmap = Bitmap()
    if counts[code] == 1 { bitmap.insert(single[code]) }
    return bitmap
  }

  /// Appends what is to be united for all documents of some codes: bitmaps, and single documents.
  func append(_ code: UInt32, to bitmaps: inout [Bitmap], _ documents: inout Column<UInt32>) {
    if let bitmap = self.bitmaps[Int(code)] {
      bitmaps.append(bitmap)
    } else if counts[code] == 1 {
      documents.append(single[code])
    }
  }

  mutating func insert(_ document: UInt32, _ code: UInt32) {
    counts.extend(to: code, with: 0)
    single.extend(to: code, with: 0)
    while bitmaps.count <= Int(code) { bitmaps.append(nil) }
    counts[code] += 1
    switch counts[code] {
    case 1: single[code] = document
    case 2:
      let bitmap = Bitmap()
      bitmap.insert(single[code])
      bitmap.insert(document)
      bitmaps[Int(code)] = bitmap
    default: bitmaps[Int(code)]?.insert(document)
    }
  }

  /// - Returns: whether it was the last one.
  mutating func remove(_ document: UInt32, _ code: UInt32) -> Bool {
    counts[code] -= 1
    if let bitmap = bitmaps[Int(code)] {
      bitmap.remove(document)
      if counts[code] == 1 {
        single[code] = bitmap.minimum
        bitmaps[Int(code)] = nil
      }
    }
    return counts[code] == 0
  }

  var memoryByteCount: Int {
    bitmaps.reduce(single.memoryByteCount + counts.memoryByteCount) { $0 + 8 + ($1?.memoryByteCount ?? 0) }
  }
}

/// A code for each document, in two bytes as long as all of them are small.
struct CodeColumn: ~Copyable {
  private var narrow = Column<UInt16>()
  private var wide = Column<UInt32>()
  private var isWide = false

  /// 0 for a document that has none.
  @inline(__always)
  subscript(document: UInt32) -> UInt32 {
    if isWide { return Int(document) < wide.count ? wide[document] : 0 }
    return Int(document) < narrow.count ? UInt32(narrow[document]) : 0
  }

  mutating func set(_ document: UInt32, _ code: UInt32) {
    if !isWide && code > UInt32(UInt16.max) { widen() }
    if isWide {
      wide.extend(to: document, with: 0)
      wide[document] = code
    } else {
      narrow.extend(to: document, with: 0)
      narrow[document] = UInt16(code)
    }
  }

  private mutating func widen() {
    for index in 0..<narrow.count { wide.append(UInt32(narrow[index])) }
    narrow = Column()
    isWide = true
  }

  /// The filters need a code for each document that they are given.
  mutating func extend(to document: UInt32) {
    if isWide { wide.extend(to: document, with: 0) } else { narrow.extend(to: document, with: 0) }
  }

  func keep(_ documents: inout Column<UInt32>, of code: UInt32, is isKept: Bool) {
    if isWide {
      wide.keep(&documents, of: code, is: isKept)
    } else if code <= UInt32(UInt16.max) {
      narrow.keep(&documents, of: UInt16(code), is: isKept)
    } else if isKept {
      documents.truncate(to: 0)
    }
  }

  func keep(_ documents: inout Column<UInt32>, flags: borrowing Column<Bool>, is isKept: Bool) {
    if isWide {
      wide.keep(&documents, flags: flags, is: isKept)
    } else {
      narrow.keep(&documents, flags: flags, is: isKept)
    }
  }

  var memoryByteCount: Int { narrow.memoryByteCount + wide.memoryByteCount }
}
