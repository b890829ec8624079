import Cairn
import CairnTestSupport
import Testing

@testable import CairnIndex

/// Goal: no value is taken for one of another schema; those of an earlier minor version are migrated once.
/// Method: a collection that is opened with one schema after the other.
@Suite struct SchemaTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func open(
    _ schema: SchemaVersion?, access: Store.Options.Access = .createIfMissing,
    migrate: (@Sendable ([UInt8], SchemaVersion?) -> [UInt8]?)? = nil
  ) throws -> Store {
    var options = Store.Options()
    options.access = access
    options.views = [try Collections(["c": .init(isOrdered: true, schema: schema, migrate: migrate)])]
    return try Store.open(at: path, options: options)
  }

  private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

  @Test func versions() throws {
    var store = try open(SchemaVersion(1, 2))
    try store.collection("c").put("one", for: "a", attributes: ["x": 1])
    try store.write { batch in try batch.put("one", for: "b", in: store.collection("c")) }
    #expect(try store.attributes(of: "c:a") == ["x": 1, "@schema": "1.2"])
    #expect(try store.collection("c").entry(for: "a")?.attributes == ["x": 1])
    try store.close()
    // (declared, whether what 1.2 has written can be used)
    for (schema, isThere) in [
      (nil, true), (SchemaVersion(1, 2), true), (SchemaVersion(1, 3), false), (SchemaVersion(1, 1), false),
      (SchemaVersion(2, 2), false), (SchemaVersion(0, 2), false), (SchemaVersion(2, 0), false),
    ] {
      store = try open(schema)
      let collection = try store.collection("c")
      #expect(text(try collection.value(for: "a")) == (isThere ? "one" : nil), "\(String(describing: schema))")
      #expect(try collection.contains("a") == isThere && (collection.version(of: "a") != nil) == isThere)
      #expect(try collection.entry(for: "a") == nil ? !isThere : isThere)
      #expect(try (collection.withValue(for: "a") { $0.byteCount }) == (isThere ? 3 : nil))
      var count = 0
      try collection.forEach { _, _ in
        count += 1
        return true
      }
      #expect(count == (isThere ? 2 : 0))
      #expect(try collection.statistics().entries == 2 && collection.keys().count == 2, "until they are replaced")
      try store.close()
    }
    store = try open(SchemaVersion(2))
    let collection = try store.collection("c")
    // What cannot be used gives way.
    #expect(try collection.putIfAbsent("two", for: "a") != nil && collection.putIfAbsent("three", for: "a") == nil)
    #expect(text(try collection.value(for: "a")) == "two")
    try store.put("nobody knows what", for: "c:x")
    try store.put("no schema", for: "c:y", attributes: ["@schema": 2])
    #expect(try collection.contains("x") == false && collection.contains("y") == false)
    #expect(try collection.removeStale() == 3 && collection.keys() == [Array("a".utf8)])
    let error = #expect(throws: StoreError.self) { try collection.put("", for: "z", attributes: ["@schema": "2.0"]) }
    #expect(error?.code == .invalidAttribute)
    try store.close()
  }

  @Test func texts() {
    func version(_ value: Attributes.Value) throws -> SchemaVersion? {
      try Attributes(dictionaryLiteral: ("@schema", value)).withEncoded { SchemaVersion($0) }
    }
    #expect(try! version("65535.0") == SchemaVersion(65535))
    for other: Attributes.Value in [
      "", ".", "1", "1.", ".1", "1.2.3", "01.2", "1.02", "+1.2", "1.-2", "65536.0", "1.2 ", "a.b", 1, ["1.2"],
    ] {
      #expect(try! version(other) == nil, "\(other)")
    }
    #expect(SchemaVersion(1, 9) < SchemaVersion(1, 10) && SchemaVersion(1, 10) < SchemaVersion(2))
  }

  @Test func migration() throws {
    var store = try open(SchemaVersion(1, 0))
    let deadline = store.now + 1_000_000
    try store.put("old, of no schema", for: "c:noschema")
    for key in ["a", "b", "none", "kept"] {
      try store.collection("c").put(
        "old \(key)", for: key, attributes: ["x": 1], expires: .at(milliseconds: deadline))
    }
    try store.close()
    let calls = Calls()
    let migrate: @Sendable ([UInt8], SchemaVersion?) -> [UInt8]? = { value, version in
      calls.add()
      let text = String(decoding: value, as: UTF8.self)
      #expect(version == (text == "old, of no schema" ? nil : SchemaVersion(1, 0)))
      if text == "old none" { return nil }
      return Array("new \(text.dropFirst(4))".utf8)
    }
    // Where nothing can be kept, each read migrates.
    store = try open(SchemaVersion(1, 2), access: .readOnly, migrate: migrate)
    for _ in 0..<2 { #expect(text(try store.collection("c").value(for: "a")) == "new a") }
    #expect(calls.count == 2)
    try store.close()

    store = try open(SchemaVersion(1, 2), migrate: migrate)
    let collection = try store.collection("c")
    let old = try #require(try store.version(of: "c:a"))
    let entry = try #require(try collection.entry(for: "a"))
    #expect(
      text(entry.value) == "new a" && entry.deadline == deadline && entry.version > old
        && entry.attributes == ["x": 1])
    #expect(try store.attributes(of: "c:a") == ["x": 1, "@schema": "1.2"])
    #expect(try collection.version(of: "a") == entry.version && collection.entry(for: "a") == entry)
    #expect(calls.count == 3, "once")
    #expect(try (collection.withValue(for: "b") { $0.byteCount }) == 5 && calls.count == 4)
    #expect(try collection.value(for: "none") == nil && !collection.contains("none") && store.contains("c:none"))
    var seen: [String: String] = [:]
    try collection.forEach { key, entry in
      seen[String(decoding: key, as: UTF8.self)] = String(decoding: entry.value, as: UTF8.self)
      return true
    }
    #expect(seen == ["a": "new a", "b": "new b", "kept": "new kept", "noschema": "new  of no schema"])
    #expect(text(try store.value(for: "c:kept")) == "new kept")
    #expect(try collection.statistics().entries == 5)
    #expect(try collection.removeStale() == 1 && collection.statistics().entries == 4)
    try store.close()
    // What a later program has written stays.
    store = try open(SchemaVersion(1, 1))
    #expect(try store.collection("c").removeStale() == 0 && !store.collection("c").contains("a"))
    try store.close()
  }

  private final class Calls: @unchecked Sendable {
    private(set) var count = 0
    func add() { count += 1 }
  }
}
