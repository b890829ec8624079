package import Cairn

/// The bytes of one structure of a store's file, with what each field of it is.
package struct HexDump {
  struct Field {
    let offset: Int
    let byteCount: Int
    let name: String
    let meaning: String
  }

  /// What it is, and whether its checksum fits.
  package private(set) var title = ""
  package private(set) var isIntact = true
  /// Whether neither its name nor its first bytes are those of a file of a store.
  package private(set) var isForeign = false
  private(set) var fields: [Field] = []
  let window: FileWindow
  let path: String

  /// Bytes that are shown of a field, unless all are asked for.
  private static let shownBytes = 64

  /// - Parameters:
  ///   - path: of a file of a store, which is known by its first bytes.
  ///   - offset: any byte of the structure.
  package init(of path: String, at offset: Int) throws(StoreError) {
    let slash = path.lastIndex(of: "/")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let folder = slash.map { String(path[..<$0]) } ?? "."
    let directory = try PosixFileSystem().openDirectory(folder.isEmpty ? "/" : folder, creating: nil)
    defer { directory.close() }
    guard let file = try directory.open(name, forWriting: false) else {
      throw StoreError(.notFound, "there is no such file", file: path)
    }
    let byteCount = try file.byteCount()
    guard (0..<max(byteCount, 1)).contains(offset) else {
      throw StoreError(.invalidOption, "the file has only \(byteCount) bytes", file: path, byteOffset: offset)
    }
    self.path = path
    window = FileWindow(file, byteCount: byteCount)
    let magic = try window.bytes(at: 0, 16)
    let words = (magic?.load(0, as: UInt64.self) ?? 0, magic?.load(8, as: UInt64.self) ?? 0)
    if words == Magic.store {
      try takeStoreHeader(offset)
    } else if words == Magic.segment {
      try takeSegment(offset)
    } else if words == Magic.checkpoint {
      try takeCheckpoint(offset)
    } else if words == Magic.gone {
      try takeGone(offset)
    } else if StoreDirectory.hasChecksums(name) {
      try takeBytes("bytes of a file that begins as none of a store does", offset)
    } else {
      isForeign = true
      try takeBytes(
        name == StoreDirectory.lockName ? "no file of a store's data, but its lock" : "no file of a store", offset)
    }
  }

  // MARK: What structures add

  mutating func begin(_ title: String, isIntact: Bool) {
    self.title = title
    self.isIntact = isIntact
  }

  mutating func add(_ name: String, _ offset: Int, _ byteCount: Int, _ meaning: String = "") {
    fields.append(Field(offset: offset, byteCount: byteCount, name: name, meaning: meaning))
  }

  func word(_ offset: Int, _ byteCount: Int = 8) throws(StoreError) -> UInt64 {
    guard let view = try window.bytes(at: offset, byteCount) else { return 0 }
    return (0..<byteCount).reversed().reduce(0) { $0 << 8 | UInt64(view.load($1, as: UInt8.self)) }
  }

  mutating func addNumber(_ name: String, _ offset: Int, _ byteCount: Int = 8) throws(StoreError) {
    add(name, offset, byteCount, String(try word(offset, byteCount)))
  }

  mutating func addTime(_ name: String, _ offset: Int) throws(StoreError) {
    add(name, offset, 8, Timestamp.text(milliseconds: Int64(bitPattern: try word(offset))))
  }

  /// - Parameter computed: what it should be; `nil` if that cannot be told.
  mutating func addChecksum(_ offset: Int, _ computed: UInt64?) throws(StoreError) {
    let stored = try word(offset)
    let verdict = computed.map { $0 == stored ? "as it should be" : "should be \(String(hex: $0))" }
    add("checksum", offset, 8, String(hex: stored) + (verdict.map { ", " + $0 } ?? ""))
    isIntact = computed == stored
  }

  /// Where no structure is known, or none is whole.
  mutating func takeBytes(_ title: String, _ offset: Int, isIntact: Bool = false) throws(StoreError) {
    begin(title, isIntact: isIntact)
    let start = offset & ~15
    add("", start, min(256, window.byteCount - start))
  }

  // MARK: As text

  /// - Parameter isWhole: whether all bytes of long fields are shown.
  package func text(isWhole: Bool) throws(StoreError) -> String {
    var text = "\(Escaping.text(path)): \(title)\n"
    let width = fields.map(\.name.count).max() ?? 0
    for field in fields {
      let shown = isWhole || field.name.isEmpty ? field.byteCount : min(field.byteCount, Self.shownBytes)
      for start in stride(from: 0, to: max(shown, 1), by: 8) {
        let count = min(8, shown - start)
        let bytes = try window.bytes(at: field.offset + start, count)?.array() ?? []
        let digits = bytes.map { Escaping.hex([$0]) }.joined(separator: " ")
        let offset = String(field.offset + start)
        var line = String(repeating: " ", count: max(0, 10 - offset.count)) + offset + "  " + digits.padded(to: 23)
        if start == 0 && !field.name.isEmpty {
          line += "  " + field.name.padded(to: width)
          line += "  " + (field.meaning.isEmpty ? Self.characters(bytes) : field.meaning)
        } else {
          line += "  " + Self.characters(bytes)
        }
        text += line + "\n"
      }
      if shown < field.byteCount {
        text += String(repeating: " ", count: 12) + "… \(field.byteCount - shown) bytes more (--all shows them)\n"
      }
    }
    return text
  }

  /// Printable ASCII as it is, a dot for the rest.
  private static func characters(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.map { (0x20..<0x7F).contains($0) ? $0 : 0x2E }, as: UTF8.self)
  }
}

extension HexDump {
  /// Which bytes are shown.
  package var ranges: [Range<Int>] { fields.map { $0.offset..<$0.offset + $0.byteCount } }
}
