package import Cairn

/// What is kept of views of a store, and what attributes its entries have.
package struct IndexReport {
  private struct View {
    let name: String
    let byteCount: Int
    let state: String
    /// What it knows of the log.
    let sequence: UInt64?
  }

  fileprivate struct Attribute {
    var entries = 0
    /// Up to so many are told apart.
    var values: Set<Attributes.Value> = []
    var hasMore = false
  }

  private static let valuesMax = 10_000

  private let lastSequence: UInt64
  private var views: [View] = []
  private var entries = 0
  private var withAttributes = 0
  private var attributes: [(name: String, type: String, found: Attribute)] = []

  /// - Parameter reader: of the entries that are counted.
  package init(
    _ store: StoreDirectory, _ reader: inout EntryReader, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    lastSequence = reader.lastSequence
    views = try Self.views(of: store)
    // By name, then by type.
    var found: [[UInt8]: [String: Attribute]] = [:]
    var (entries, withAttributes) = (0, 0)
    try reader.forEach(.version, keysOnly: true, progress: progress) { entry in
      let attributes = entry.attributes
      entries += 1
      if !attributes.isEmpty { withAttributes += 1 }
      for (name, value) in attributes {
        found[Array(name.utf8), default: [:]]["\(value.kind)", default: Attribute()].add(
          value, atMost: Self.valuesMax)
      }
      return true
    }
    (self.entries, self.withAttributes) = (entries, withAttributes)
    for name in found.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      for (type, one) in (found[name] ?? [:]).sorted(by: { $0.key < $1.key }) {
        attributes.append((String(decoding: name, as: UTF8.self), type, one))
      }
    }
  }

  private static func views(of store: StoreDirectory) throws(StoreError) -> [View] {
    var views: [View] = []
    for name in try store.directory.names().sorted() where ViewHeader.isName(name) {
      guard let file = try store.directory.open(name, forWriting: false) else { continue }
      let byteCount = try file.byteCount()
      let start = try FileWindow(file, byteCount: byteCount).bytes(at: 0, ViewHeader.byteCount, readAhead: 0)
      let header = start.flatMap { ViewHeader(decoding: $0) }
      let state =
        switch header {
        case nil: "damaged, or of another version: it is made anew"
        case let header? where header.store != store.header.identifier: "of another store: it is made anew"
        case let header? where header.contentBytes != UInt64(byteCount - ViewHeader.byteCount):
          "cut short: it is made anew"
        default: "whole, by its header"
        }
      views.append(View(name: name, byteCount: byteCount, state: state, sequence: header?.sequence))
    }
    return views
  }

  package var text: String {
    var text = ""
    for view in views {
      text += "\(view.name): \(view.byteCount) bytes, \(view.state)"
      if let sequence = view.sequence { text += ", as of \(sequence) of \(lastSequence)" }
      text += "\n"
    }
    if views.isEmpty { text += "no view of the store is kept\n" }
    text += "\(withAttributes) of \(entries) entries have attributes\n"
    if attributes.isEmpty { return text }
    let rows = attributes.map { name, type, found in
      [Escaping.text(name), type, "\(found.entries)", found.countText]
    }
    return text + "\n" + Table(header: ["attribute", "type", "entries", "values"], rows: rows).text(numbersFrom: 2)
  }

  package var json: String {
    let views = views.map { view in
      JSON.object([
        ("file", .string(view.name)), ("bytes", .integer(view.byteCount)), ("state", .string(view.state)),
        ("sequence", view.sequence.map { .unsigned($0) } ?? .null),
      ])
    }
    let attributes = attributes.map { name, type, found in
      JSON.object([
        ("name", .string(name)), ("type", .string(type)), ("entries", .integer(found.entries)),
        ("values", .integer(found.values.count)), ("moreValues", .bool(found.hasMore)),
      ])
    }
    let value = JSON.object([
      ("lastSequence", .unsigned(lastSequence)), ("views", .array(views)), ("entries", .integer(entries)),
      ("entriesWithAttributes", .integer(withAttributes)), ("attributes", .array(attributes)),
    ])
    return value.text(indentation: 0) + "\n"
  }
}

extension IndexReport.Attribute {
  fileprivate mutating func add(_ value: Attributes.Value, atMost most: Int) {
    entries += 1
    if case .tags(let tags) = value {
      for tag in tags { insert(.string(tag), most) }
    } else {
      insert(value, most)
    }
  }

  private mutating func insert(_ value: Attributes.Value, _ most: Int) {
    if values.count < most { values.insert(value) } else if !values.contains(value) { hasMore = true }
  }

  fileprivate var countText: String { "\(values.count)" + (hasMore ? " and more" : "") }
}
