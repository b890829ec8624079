internal import CairnTestSupport
internal import Foundation

/// The system calls of a child that have to do with what lies in one folder, by `strace`.
package struct Tracing {
  /// One of the calls of a thread, the n-th with that name.
  struct Call: Sendable, Hashable, CustomStringConvertible {
    var name: String
    var number: Int
    /// It concerns a copy that is not whole yet.
    var isOfCopy = false

    var description: String { "\(name) \(number)" }
  }

  private static let calls = "trace=%file,%desc"

  /// Whether there is `strace`, and it may trace.
  package static let isPossible: Bool = {
    let directory = TemporaryDirectory()
    let child = try? Child(
      injecting("openat:signal=KILL:when=1", at: [], ["true"]), output: directory.path("output"))
    return child?.wait() == .killed(SIGKILL)
  }()

  /// Why a test is left out where it is not.
  package static let reason = "needs strace (.ci/prerequisites installs it), and the right to trace"

  /// Notes all calls.
  package static func noting(_ command: [String], in file: String) -> [String] {
    ["strace", "-f", "-qq", "-y", "-o", file, "-e", calls, "-e", "signal=none"] + command
  }

  /// Does something at some of the calls, and notes them.
  package static func injecting(
    _ injection: String, at paths: [String], in file: String = "/dev/null", _ command: [String]
  ) -> [String] {
    ["strace", "-f", "-qq", "-y", "-o", file, "-e", calls, "-e", "signal=none"]
      + paths.flatMap { ["-P", $0] } + ["-e", "inject=\(injection)"] + command
  }

  /// Calls, of those noted, that were made to fail.
  static func injected(in file: String) throws -> [Substring] {
    let text = String(decoding: try Files.read(file), as: UTF8.self)
    return text.split(separator: "\n").filter { $0.hasSuffix("(INJECTED)") }
  }

  /// Whether a noted call concerns a copy that is not whole yet.
  static func isOfCopy(_ line: some StringProtocol) -> Bool {
    (line.contains("/backup.") || line.contains("\"backup.") || line.contains("/frozen.") || line.contains("\"frozen."))
      && line.contains(".tmp")
  }

  /// A file system that cannot reserve space for a file.
  package static func withoutReservation(_ command: [String]) -> [String] {
    injecting("fallocate:error=EOPNOTSUPP", at: [], command)
  }

  /// What of all that has been noted concerns a folder: the calls, and the paths in it.
  static func found(in file: String, about folder: String) throws -> (calls: [Call], paths: [String]) {
    var counts: [String: [String: Int]] = [:]
    var ofCopies: Set<Call> = []
    var paths: Set<String> = []
    let text = String(decoding: try Files.read(file), as: UTF8.self)
    for line in text.split(separator: "\n") where line.contains(folder) {
      let words = line.split(separator: " ", maxSplits: 1)
      guard words.count == 2, let end = words[1].firstIndex(of: "("), !words[1].hasPrefix("<") else { continue }
      let name = words[1][..<end].drop { $0 == " " }
      // The program is begun before there is anything to disturb.
      if name == "execve" { continue }
      counts[String(name), default: [:]][String(words[0]), default: 0] += 1
      if isOfCopy(line) {
        ofCopies.insert(Call(name: String(name), number: counts[String(name)]?[String(words[0])] ?? 0))
      }
      for part in line.components(separatedBy: folder).dropFirst() {
        paths.insert(folder + part.prefix { !"\"<>()".contains($0) })
      }
    }
    let calls = counts.sorted { $0.key < $1.key }.flatMap { name, threads in
      (1...(threads.values.max() ?? 1)).map {
        let call = Call(name: name, number: $0)
        return Call(name: name, number: $0, isOfCopy: ofCopies.contains(call))
      }
    }
    return (calls, paths.sorted())
  }
}
