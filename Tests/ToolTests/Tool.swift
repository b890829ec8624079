import CairnTestSupport
import Foundation
import Testing

/// Runs `kvdump`, and other programs, as processes.
enum Tool {
  struct Result {
    let code: Int32
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// It is built beside the tests.
  static func executable(_ name: String) -> URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent(name)
  }

  static func run(_ arguments: String...) throws -> Result { try run(executable("kvdump"), arguments) }

  static func run(
    _ program: URL, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Result {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // Errors are one sentence, which fits into a pipe that nobody reads yet.
    let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    let sentence = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let isSignal = process.terminationReason == .uncaughtSignal
    return Result(
      code: isSignal ? -process.terminationStatus : process.terminationStatus, output: bytes, errors: sentence)
  }

  /// What `list --format hex` says, as a dictionary.
  static func listing(_ result: Result) -> [[UInt8]: [UInt8]] {
    var entries: [[UInt8]: [UInt8]] = [:]
    for line in result.text.split(separator: "\n") {
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(bytes(hex:))
      guard parts.count == 2 else {
        Issue.record("a line that is no entry: \(line); the end was \(result.code), \(result.errors)")
        continue
      }
      if entries.updateValue(parts[1], forKey: parts[0]) != nil { Issue.record("a key is listed twice: \(line)") }
    }
    return entries
  }

  private static func bytes(hex: Substring) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 1, to: digits.count, by: 2).map { UInt8(String(digits[($0 - 1)...$0]), radix: 16) ?? 0 }
  }

  static func json(_ result: Result) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(result.output)) as? [String: Any] ?? [:]
  }
}
