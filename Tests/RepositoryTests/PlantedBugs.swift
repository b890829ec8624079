import CairnPlanted
import Foundation
import Testing

/// Goal: the table of planted bugs fits the sources and the tests as they are. That the tests find the bugs is seen by
/// `make planted`, which takes longer.
@Suite struct PlantedBugs {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: Self.root + "/" + name, encoding: .utf8)
  }

  @Test func thereAreEnoughOfThem() {
    #expect(PlantedBug.all.count >= 30)
    let names = PlantedBug.all.map(\.name)
    #expect(Set(names).count == names.count, "a name is used twice")
    for bug in PlantedBug.all {
      #expect(bug.name.allSatisfy { $0.isASCII && $0.isLowercase || $0 == "-" }, "\(bug.name)")
      #expect(bug.wrong.first?.isUppercase == true || bug.wrong.hasPrefix("kvdump"), "\(bug.name)")
      #expect(bug.wrong.hasSuffix(".") && !bug.edits.isEmpty, "\(bug.name)")
    }
  }

  @Test func eachCanBePlanted() throws {
    for file in PlantedSources.files.sorted() {
      let text = try text("Sources/" + file)
      do throws(PlantedSources.Refusal) { _ = try PlantedSources.plant(file, text) } catch {
        Issue.record("\(error)")
      }
    }
  }

  @Test func eachHasATest() throws {
    var texts: [String] = []
    let names = try #require(FileManager.default.enumerator(atPath: Self.root + "/Tests")).compactMap { $0 as? String }
    for name in names where name.hasSuffix("Tests.swift") { texts.append(try text("Tests/" + name)) }
    for bug in PlantedBug.all {
      let parts = bug.test.split(separator: "/")
      try #require(parts.count == 2, "\(bug.name): suite and test, as in StoreTests/expiry")
      let isThere = texts.contains { $0.contains("struct \(parts[0]) ") && $0.contains(" func \(parts[1])(") }
      #expect(isThere, "\(bug.name) is to be found by \(bug.test), which is not there")
    }
  }
}
