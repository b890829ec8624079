internal import CairnTestSupport
internal import Foundation

/// The system calls of a child that have to do with what lies in one folder, by `strace`.
package struct Tracing {
  /// One of the calls of a thread, the n-th with that name.
  struct Call: Sendable, Hashable, CustomStringConvertible {
    var name: String
    var number: Int

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

  /// Does something at some of the calls.
  package static func injecting(_ injection: String, at paths: [String], _ command: [String]) -> [String] {
    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", calls, "-e", "signal=none"]
      + paths.flatMap { ["-P", $0] } + ["-e", "inject=\(injection)"] + command
  }

  /// A file system that cannot reserve space for a file.
  package static func withoutReservation(_ command: [String]) -> [String] {
    injecting("fallocate:error=EOPNOTSUPP", at: [], command)
  }

  /// What of all that has been noted concerns a folder: the calls, and the paths in it.
  static func found(in file: String, about folder: String) throws -> (calls: [Call], paths: [String]) {
    var counts: [String: [String: Int]] = [:]
    var paths: Set<String> = []
    let text = String(decoding: try Files.read(file), as: UTF8.self)
    for line in text.split(separator: "\n") where line.contains(folder) {
      let words = line.split(separator: " ", maxSplits: 1)
      guard words.count == 2, let end = words[1].firstIndex(of: "("), !words[1].hasPrefix("<") else { continue }
      let name = words[1][..<end].drop { $0 == " " }
      counts[String(name), default: [:]][String(words[0]), default: 0] += 1
      for part in line.components(separatedBy: folder).dropFirst() {
        paths.insert(folder + part.prefix { !"\"<>()".contains($0) })
      }
    }
    let calls = counts.sorted { $0.key < $1.key }.flatMap { name, threads in
      (1...(threads.values.max() ?? 1)).map { Call(name: name, number: $0) }
    }
    return (calls, paths.sorted())
  }
}
