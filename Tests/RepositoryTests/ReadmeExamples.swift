import CairnTestSupport
import Foundation
import Testing

/// Goal: what the README shows compiles, and does what it says.
/// Method: a program has its examples, and is compared with it, line by line, and run.
@Suite struct ReadmeExamples {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Without comments, and without what lies around the words.
  private func lines(_ name: String) throws -> [String] {
    try String(contentsOf: Self.root.appendingPathComponent(name), encoding: .utf8).components(separatedBy: "\n")
      .map { $0.components(separatedBy: " //")[0].trimmingCharacters(in: .whitespaces) }
  }

  @Test(arguments: [
    ("README.md", "main.swift", 12), ("Sources/CairnCache/CairnCache.docc/Limits.md", "Caches.swift", 3),
    ("Sources/CairnCache/CairnCache.docc/Freshness.md", "Caches.swift", 4),
    ("Sources/CairnCache/CairnCache.docc/Policies.md", "Caches.swift", 2),
    ("Sources/CairnCache/CairnCache.docc/Statistics.md", "Caches.swift", 2),
  ]) func areThoseOfTheProgram(page: String, file: String, least: Int) throws {
    let program = try lines("Tests/cairn-readme/" + file)
    var (block, blocks): ([String]?, Int) = (nil, 0)
    for line in try lines(page) {
      if line == "```swift" {
        block = []
      } else if line == "```", let lines = block {
        blocks += 1
        let place = program.indices.contains { program[$0...].starts(with: lines) }
        #expect(place, "\(page): not in the program: \(lines.first ?? "")")
        block = nil
      } else if !line.hasPrefix("import ") && !(line.isEmpty && block == []) {
        block?.append(line)
      }
    }
    #expect(blocks >= least)
  }

  @Test func run() throws {
    let directory = TemporaryDirectory()
    let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    let process = Process()
    process.executableURL = products.appendingPathComponent("cairn-readme")
    process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.hasPrefix("12 3\n10 2 1200\nsmall 1 1200 1200\n1 entries match"), "\(text)")
  }
}
