import CairnTestSupport
import Foundation
import Testing

/// Runs programs that were built beside the tests.
enum Tool {
  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  static var folder: URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  }

  static func run(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Result {
    let process = Process()
    process.executableURL = name.hasPrefix("/") ? URL(fileURLWithPath: name) : folder.appendingPathComponent(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let files = TemporaryDirectory()
    for path in ["out", "err"] { FileManager.default.createFile(atPath: files.path(path), contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: files.path("out"))
    process.standardError = FileHandle(forWritingAtPath: files.path("err"))
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: try Files.read(files.path("out")), as: UTF8.self),
      errors: String(decoding: try Files.read(files.path("err")), as: UTF8.self))
  }
}

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
    let result = try Tool.run("cairn-demo", [folder], environment: ["TMPDIR": directory.path])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors == "")
    // 31 files and the copy of one of them.
    func row(_ pass: String) -> [Substring]? {
      result.output.split(separator: "\n").first { $0.hasPrefix("  \(pass)  ") }?.dropFirst(pass.count + 2)
        .split(separator: " ")
    }
    #expect(row("cold")?.prefix(2) == ["0", "32"])
    #expect(row("warm")?.prefix(3) == ["32", "0", "0"])
    #expect(row("warm, one file touched")?.prefix(2) == ["31", "1"])
    #expect(result.output.contains("1,000,000 lookups"))
    #expect(result.output.contains("Nothing was lost."))
    // The folder is as it was.
    #expect(try Files.names(folder) == ["circle", "empty", "sub"])
  }

  @Test func saysWhatIsWrong() throws {
    let directory = TemporaryDirectory()
    let none = try Tool.run("cairn-demo", [directory.path("none")])
    #expect(none.status == 66 && none.errors.contains("is not a directory"))
    let empty = try Tool.run("cairn-demo", [directory.path], environment: ["TMPDIR": "/tmp"])
    #expect(empty.status == 1 && empty.errors.contains("no files"))
    #expect(try Tool.run("cairn-demo", ["--nonsense"]).status == 64)
    #expect(try Tool.run("cairn-demo", ["--help"]).output.contains("usage"))
  }

  /// Somebody without Swift is told in one line what to install.
  @Test(arguments: ["demo", "test"]) func makeWithoutSwift(target: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let result = try Tool.run("/usr/bin/make", ["-s", "-C", root, target], environment: ["PATH": "/usr/bin:/bin"])
    #expect(result.status != 0)
    let lines = result.errors.split(separator: "\n").filter { !$0.hasPrefix("make") }
    #expect(lines.count == 1 && lines[0].contains("Swift"), "\(result.errors)")
  }
}
