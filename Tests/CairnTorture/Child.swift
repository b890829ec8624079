internal import CairnTestSupport
internal import Foundation

/// Another process, in a group of its own: whoever traces it goes with it.
package final class Child {
  package enum End: Equatable, CustomStringConvertible {
    case exited(Int32)
    case killed(Int32)
    /// Did not end in a quarter of an hour, and has been killed.
    case hung

    package var description: String {
      switch self {
      case .exited(let status): "exited with \(status)"
      case .killed(let signal): "killed by signal \(signal)"
      case .hung: "hung"
      }
    }
  }

  let process: pid_t
  private var end: End?

  /// - Parameter output: the file that gets what it says.
  package init(_ arguments: [String], output: String) throws {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // Test frameworks block and ignore signals, which a child would inherit.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    let words = unsafe arguments.map { word in unsafe strdup(word) } + [nil]
    // Without a backtracer, which would hang on to a process that is meant to die. All else is inherited: where a
    // process notes what it executes, say, and what sanitizers are told.
    let inherited = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    let variables = inherited.map { "\($0.key)=\($0.value)" }
    let environment = unsafe variables.map { variable in unsafe strdup(variable) } + [nil]
    defer {
      for index in 0..<arguments.count { unsafe free(words[index]) }
      for index in 0..<variables.count { unsafe free(environment[index]) }
    }
    var id: pid_t = 0
    let result = unsafe posix_spawnp(&id, arguments[0], &actions, &attributes, words, environment)
    guard result == 0 else { throw Finding("\(arguments[0]) cannot be run: error \(result)", replay: "-") }
    process = id
  }

  deinit {
    if end == nil { _ = stop() }
  }

  /// To it, and not to those that it has started.
  package func signal(_ number: Int32) { kill(process, number) }

  /// Ends it, and those that it has started.
  package func stop() -> End {
    kill(-process, SIGKILL)
    return wait()
  }

  package var hasEnded: Bool {
    var status: Int32 = 0
    if end == nil, unsafe waitpid(process, &status, WNOHANG) != 0 { end = Self.end(status) }
    return end != nil
  }

  private static func end(_ status: Int32) -> End {
    let signal = status & 127
    return signal == 0 ? .exited(status >> 8 & 255) : .killed(signal)
  }

  /// Waits for its end. The limit is there for what never ends, so that it is found and said how to repeat it: what a
  /// child does takes a second, and a quarter of an hour is enough on any machine.
  package func wait() -> End {
    if let end { return end }
    let deadline = Date(timeIntervalSinceNow: 15 * 60)
    var status: Int32 = 0
    while unsafe waitpid(process, &status, WNOHANG) == 0 {
      if Date() > deadline {
        kill(-process, SIGKILL)
        unsafe waitpid(process, &status, 0)
        end = .hung
        return .hung
      }
      usleep(500)
    }
    let result = Self.end(status)
    end = result
    return result
  }

  /// Lines of a file that are whole.
  package static func lines(_ path: String) -> [String] {
    let text = String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeLast()
    return lines.map(String.init)
  }
}
