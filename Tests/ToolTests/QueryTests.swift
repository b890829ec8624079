import Cairn
import CairnTestSupport
import Testing

/// Goal: `query` lists exactly the entries that satisfy it, `indexes` counts what there is, and both say what is wrong.
@Suite struct QueryToolTests {
  private let directory = TemporaryDirectory()

  private func store() throws -> String {
    let path = directory.path("store")
    let store = try Store.open(at: path)
    for number in 0..<100 {
      try store.put(
        "value \(number)", for: "key:\(number)",
        attributes: [
          "model": .string(number % 3 == 0 ? "small" : "large"), "tokens": .integer(Int64(number)),
          "labels": .tags(number % 2 == 0 ? ["even"] : ["odd", "all"]),
        ])
    }
    try store.put("plain", for: "plain")
    try store.put("gone", for: "gone", attributes: ["model": "small"])
    try store.remove("gone")
    try store.put("1.5", for: "real", attributes: ["tokens": 1.5])
    try store.close()
    return path
  }

  @Test func queries() throws {
    let path = try store()
    func run(_ arguments: String...) throws -> [String] {
      let result = try Tool.run(Tool.executable("kvdump"), ["query", path] + arguments)
      #expect(result.code == 0, "\(result.errors)")
      return result.text.split(separator: "\n").map(String.init)
    }
    #expect(try run("model == \"small\" and tokens < 7") == ["key:0\tvalue 0", "key:3\tvalue 3", "key:6\tvalue 6"])
    #expect(try run("tokens between 1 and 2", "--keys-only") == ["key:1", "key:2", "real"])
    #expect(try run("labels has 'odd'", "--count") == ["50"])
    #expect(try run("not model exists", "--keys-only") == ["real"])
    #expect(try run("tokens >= 0", "--limit", "2", "--prefix", "key:9", "--keys-only") == ["key:9", "key:90"])
    #expect(
      try run("tokens in (42)", "--format", "json") == [
        "{\"key\": \"key:42\", \"value\": \"value 42\", \"version\": 43, \"attributes\": "
          + "{\"labels\": [\"even\"], \"model\": \"small\", \"tokens\": 42}}"
      ])
    let wrong = try Tool.run("query", path, "model ==")
    #expect(wrong.code == 64 && wrong.errors.contains("at byte 8"), "\(wrong.errors)")
    #expect(try Tool.run("query", path + "x", "all").code == 1)
  }

  @Test func whatThereIs() throws {
    let path = try store()
    let object = try Tool.json(try Tool.run("indexes", path, "--json"))
    #expect(object["entries"] as? Int == 102 && object["entriesWithAttributes"] as? Int == 101)
    let attributes = try #require(object["attributes"] as? [[String: Any]])
    let rows = attributes.map { "\($0["name"] ?? "") \($0["type"] ?? "") \($0["entries"] ?? 0) \($0["values"] ?? 0)" }
    #expect(rows == ["labels tags 100 3", "model string 100 2", "tokens integer 100 100", "tokens real 1 1"])
    let text = try Tool.run("indexes", path, "--prefix", "key:1").text
    #expect(text.contains("no view of the store is kept\n11 of 11 entries have attributes\n"), "\(text)")
    try Files.write([1, 2, 3], to: path + "/view.keys")
    #expect(try Tool.run("indexes", path).text.hasPrefix("view.keys: 3 bytes, damaged"))
  }
}
