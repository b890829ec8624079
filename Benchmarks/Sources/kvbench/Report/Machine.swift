import Foundation

/// Where a run took place.
struct Machine: Codable {
  var processor: String
  var cores: Int
  /// Bytes.
  var memory: UInt64
  var system: String
  var fileSystem: String

  init(folder: String) {
    processor = Self.line(of: "/proc/cpuinfo", "model name") ?? "unknown"
    cores = ProcessInfo.processInfo.activeProcessorCount
    memory = ProcessInfo.processInfo.physicalMemory
    var names = utsname()
    uname(&names)
    let release = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    system = "Linux \(release)"
    fileSystem = output(of: "/usr/bin/env", ["stat", "-f", "-c", "%T", folder]) ?? "unknown"
  }

  private static func line(of path: String, _ name: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

/// What a command prints, without the end of its line; `nil` if it fails.
func output(of path: String, _ arguments: [String]) -> String? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: path)
  process.arguments = arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return nil }
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { return nil }
  return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}

/// The commit of the folder that the program is started in, marked if files differ from it.
func currentCommit() -> String {
  guard let commit = output(of: "/usr/bin/env", ["git", "rev-parse", "--short=12", "HEAD"]) else { return "unknown" }
  let changes = output(of: "/usr/bin/env", ["git", "status", "--porcelain", "--untracked-files=no"])
  return changes == "" ? commit : commit + " and changes"
}
