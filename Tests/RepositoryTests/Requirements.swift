import Foundation
import Testing

/// Goal: each requirement of the format's specification has a test that cites it, and none is cited that is not there.
@Suite struct Requirements {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  private func identifiers(_ text: String) -> [String] {
    text.matches(of: /F1-[A-Z]{3}-[0-9]{3}/).map { String($0.output) }
  }

  @Test func eachIsCitedByATest() throws {
    let specification = try ["v1", "frozen-v1"].map { format in
      try String(contentsOfFile: Self.root + "/Formats/\(format)/SPEC.md", encoding: .utf8)
    }.joined()
    let defined = specification.matches(of: /\*\*(F1-[A-Z]{3}-[0-9]{3})\*\*/).map { String($0.output.1) }
    #expect(defined.count >= 25)
    #expect(Set(defined).count == defined.count, "a number is used twice")
    var cited: Set<String> = []
    let names = try #require(FileManager.default.enumerator(atPath: Self.root + "/Tests")).compactMap { $0 as? String }
    for name in names where name.hasSuffix(".swift") {
      cited.formUnion(identifiers(try String(contentsOfFile: Self.root + "/Tests/" + name, encoding: .utf8)))
    }
    #expect(Set(defined).subtracting(cited).isEmpty, "not cited")
    #expect(cited.subtracting(defined).isEmpty, "not in the specification")
  }
}
