import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: new stores are made where they can be and harm nothing, and it is said why elsewhere they are not.
@Suite struct OutputTests {
  private func make(_ source: String, _ output: String) throws -> [Tool.Result] {
    [try Tool.run("copy", source, output), try Tool.run("repair", source, "--output", output)]
  }

  @Test func neverInTheSource() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let before = try Files.names(fixture.path)
    let link = fixture.directory.path("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: fixture.path)
    for output in [fixture.path + "/new", link + "/new", fixture.path + "/./new/", link + "/../store/new"] {
      for result in try make(fixture.path, output) + make(link, output) {
        #expect(result.code == 1 && result.errors.contains("within the store"), "\(output): \(result)")
      }
    }
    for result in try make(fixture.path, link) + make(link, fixture.path + "/") {
      #expect(result.code == 1 && result.errors.contains("the store itself"), "\(result)")
    }
    try FileManager.default.createDirectory(atPath: fixture.path + "/sub", withIntermediateDirectories: false)
    for result in try make(fixture.path, fixture.path + "/sub/new") {
      #expect(result.code == 1 && result.errors.contains("within the store"), "\(result)")
    }
    Files.remove(fixture.path + "/sub")
    #expect(try Files.names(fixture.path) == before)
    #expect(try Tool.run("copy", fixture.path, fixture.path + "-copy").code == 0)
  }

  @Test func whatIsInTheWay() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let nowhere = fixture.directory.path("nowhere")
    for result in try make(fixture.path, nowhere + "/new") {
      #expect(result.code == 1 && result.errors.contains("no such directory: \(nowhere) ["), "\(result)")
    }
    let output = fixture.directory.path("new")
    try FileManager.default.createDirectory(atPath: output + ".partial", withIntermediateDirectories: false)
    for result in try make(fixture.path, output) {
      #expect(result.code == 1 && result.errors.contains("left over from an interrupted copy or repair"), "\(result)")
      #expect(result.errors.contains(": \(output).partial"), "\(result)")
    }
  }

  @Test func asJSON() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let copy = fixture.directory.path("copy")
    let copied = try Tool.json(try Tool.run("copy", fixture.path, copy, "--json"))
    #expect(copied["lastSequence"] as? Int == Int(fixture.last) && (copied["bytes"] as? Int ?? 0) > 4096)
    let store = try Store.open(at: copy)
    try store.put("more", for: "\u{1B}")
    try store.put("more", for: [0xFF])
    try store.close()
    let result = try Tool.run("diff", fixture.path, copy, "--json")
    let lines = try result.text.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    try #require(result.code == 2 && lines.count == 3)
    #expect(lines[0]["difference"] as? String == "onlyInSecond" && lines[0]["key"] as? String == "\u{1B}")
    #expect(lines[1]["difference"] as? String == "onlyInSecond" && lines[1]["keyBase64"] as? String == "/w==")
    #expect(lines[2]["same"] as? Int == fixture.content.count && lines[2]["onlyInSecond"] as? Int == 2)
    #expect(lines[2]["onlyInFirst"] as? Int == 0 && lines[2]["value"] as? Int == 0)
    let quiet = try Tool.run("diff", fixture.path, copy, "--json", "--quiet")
    #expect(quiet.code == 2 && quiet.output.isEmpty)
  }
}
