import CairnTestSupport
import Foundation
import Testing

@Suite(.serialized) struct DemoTests {
  @Test func analysesAFolderAndSurvivesAKill() throws {
    let directory = TemporaryDirectory()
    let folder = directory.path("input")
    try FileManager.default.createDirectory(atPath: folder + "/sub", withIntermediateDirectories: true)
    for number in 0..<30 {
      try Files.write(Array("some words\nin file \(number)\n".utf8), to: folder + "/sub/\(number)")
    }
    try Files.write([], to: folder + "/empty")
    try FileManager.default.createSymbolicLink(atPath: folder + "/circle", withDestinationPath: folder)
    let result = try Tool.run(Tool.executable("cairn-demo"), [folder], environment: ["TMPDIR": directory.path])
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors == "")
    // 31 files and the copy of one of them.
    func row(_ pass: String) -> [Substring]? {
      result.text.split(separator: "\n").first { $0.hasPrefix("  \(pass)  ") }?.dropFirst(pass.count + 2)
        .split(separator: " ")
    }
    #expect(row("cold")?.prefix(2) == ["0", "32"])
    #expect(row("warm")?.prefix(3) == ["32", "0", "0"])
    #expect(row("warm, one file touched")?.prefix(2) == ["31", "1"])
    #expect(result.text.contains("1,000,000 lookups"))
    #expect(result.text.contains("Nothing was lost."))
    // The folder is as it was.
    #expect(try Files.names(folder) == ["circle", "empty", "sub"])
  }

  @Test func saysWhatIsWrong() throws {
    let directory = TemporaryDirectory()
    let none = try Tool.run(Tool.executable("cairn-demo"), [directory.path("none")])
    #expect(none.code == 66 && none.errors.contains("is not a directory"))
    let elsewhere = TemporaryDirectory()
    let empty = try Tool.run(
      Tool.executable("cairn-demo"), [directory.path], environment: ["TMPDIR": elsewhere.path])
    #expect(empty.code == 1 && empty.errors.contains("no files"))
    #expect(try Tool.run(Tool.executable("cairn-demo"), ["--nonsense"]).code == 64)
    #expect(try Tool.run(Tool.executable("cairn-demo"), ["--help"]).text.contains("usage"))
  }

  /// Somebody without Swift is told in one line what to install.
  @Test(arguments: ["demo", "test"]) func makeWithoutSwift(target: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    // A path on which there is what a shell script needs, and Swift is not, wherever it is installed.
    let path = TemporaryDirectory()
    for name in ["sh", "bash", "make", "dirname", "id", "uname", "cat", "env"] {
      let place = try #require(["/usr/bin/", "/bin/"].map { $0 + name }.first { Files.exists($0) })
      try FileManager.default.createSymbolicLink(atPath: path.path(name), withDestinationPath: place)
    }
    let result = try Tool.run(
      URL(fileURLWithPath: "/usr/bin/make"), ["-s", "-C", root, target], environment: ["PATH": path.path])
    #expect(result.code != 0)
    let lines = result.errors.split(separator: "\n").filter { !$0.hasPrefix("make") }
    #expect(lines.count == 1 && lines[0].contains("Swift"), "\(result.errors)")
  }
}
