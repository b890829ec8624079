internal import Cairn
internal import Glibc

/// A child writes to a store and acknowledges each put; it is killed in the middle; every acknowledged put is there.
enum KillDemo {
  static let childFlag = "--write-until-killed"
  private static let acknowledgedAtLeast = 20_000

  static func key(_ number: UInt32) -> String { "put-\(number)" }
  static func value(_ number: UInt32) -> String { String(repeating: "\(number) ", count: 1 + Int(number % 40)) }

  /// The child: puts, and after each writes its number to standard output.
  static func child(_ path: String) throws {
    let store = try Store.open(at: path)
    for number in 0..<UInt32.max {
      try store.put(value(number), for: key(number))
      var acknowledgement = number
      // Four bytes go through a pipe whole. When the parent has gone, so does the child.
      guard unsafe write(1, &acknowledgement, 4) == 4 else { return }
    }
  }

  /// Returns whether nothing was lost.
  static func run(_ path: String) throws -> Bool {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0, let child = spawn(path, output: ends[1], closing: ends[0]) else {
      printError("cannot start a child process")
      return false
    }
    close(ends[1])
    var acknowledged: [UInt32] = []
    var isKilled = false
    var buffer = [UInt32](repeating: 0, count: 1024)
    var got = 0
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(ends[0], bytes.baseAddress! + got, bytes.count - got)
      }
      if count <= 0 { break }
      got += count
      acknowledged.append(contentsOf: buffer[..<(got / 4)])
      // The rest of a number that came in two parts.
      let rest = got % 4
      if rest > 0 { buffer[0] = buffer[got / 4] }
      got = rest
      if !isKilled && acknowledged.count >= acknowledgedAtLeast {
        kill(child, SIGKILL)
        isKilled = true
      }
    }
    close(ends[0])
    var status: Int32 = 0
    unsafe waitpid(child, &status, 0)
    guard isKilled else {
      printError("the child ended before it could be killed")
      return false
    }
    return try check(path, acknowledged)
  }

  private static func check(_ path: String, _ acknowledged: [UInt32]) throws -> Bool {
    let store = try Store.open(at: path, options: Store.Options(.mustExist))
    var lost = 0
    for number in acknowledged where try store.value(for: key(number)) != Array(value(number).utf8) { lost += 1 }
    let statistics = store.statistics
    print("  acknowledged before the kill   \(grouped(acknowledged.count))")
    print("  there, with the right value    \(grouped(acknowledged.count - lost))")
    // The last put may have been written and not acknowledged.
    print("  found in the store             \(grouped(statistics.liveEntries))")
    print("  bytes of a torn write cut off  \(statistics.tornBytes)")
    let time = statistics.recoveryTime.components
    let nanoseconds = UInt64(time.seconds) * 1_000_000_000 + UInt64(time.attoseconds / 1_000_000_000)
    print("  recovery took                  \(milliseconds(nanoseconds))")
    try store.close()
    print(lost == 0 ? "  Nothing was lost." : "  LOST: \(lost)")
    return lost == 0
  }

  private static func spawn(_ path: String, output: Int32, closing other: Int32) -> pid_t? {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe _ = posix_spawn_file_actions_init(&actions)
    defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
    unsafe _ = posix_spawn_file_actions_adddup2(&actions, output, 1)
    unsafe _ = posix_spawn_file_actions_addclose(&actions, other)
    let arguments = [CommandLine.arguments[0], childFlag, path]
    var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    var child: pid_t = 0
    let result = unsafe posix_spawn(&child, "/proc/self/exe", &actions, nil, &pointers, environ)
    return result == 0 ? child : nil
  }
}
