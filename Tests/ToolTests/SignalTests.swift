import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: signals, and readers that go away, end the program as people and shells expect it.
@Suite struct SignalTests {
  /// Whoever runs the tests may have had signals ignored.
  private static let unblocked = ["--default-signal=INT,TERM,HUP,PIPE"]

  private func start(_ words: [String], environment: [String] = unblocked, output: String) throws -> Process {
    try Files.write([], to: output)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = environment + [Tool.executable("kvdump").path] + words
    let file = FileHandle(forWritingAtPath: output)
    process.standardOutput = file
    process.standardError = file
    try process.run()
    return process
  }

  private func wait(_ isThere: () throws -> Bool) throws {
    for _ in 0..<6000 {
      if try isThere() { return }
      usleep(5000)
    }
    Issue.record("it never came")
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func diesOfTheSignal(number: Int32) throws {
    let fixture = try Fixture(seed: 1, commits: 5)
    let output = fixture.directory.path("output")
    let process = try start(["log", fixture.path, "--follow"], output: output)
    try wait { try !Files.read(output).isEmpty }
    kill(process.processIdentifier, number)
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == number)
  }

  @Test func whatIsIgnoredStaysIgnored() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    try store.put("1", for: "first")
    let output = directory.path("output")
    let process = try start(
      ["log", path, "--follow"], environment: ["--ignore-signal=INT,TERM,HUP"], output: output)
    defer { kill(process.processIdentifier, SIGKILL) }
    try wait { try !Files.read(output).isEmpty }
    for number in [SIGINT, SIGTERM, SIGHUP] { kill(process.processIdentifier, number) }
    try store.put("2", for: "second")
    try wait { try !process.isRunning || String(decoding: Files.read(output), as: UTF8.self).contains("second") }
    #expect(process.isRunning)
    try store.close()
  }

  /// Method: the signal comes when the copy has been begun; whether it is in time or not, no part of one is left.
  @Test(arguments: [SIGINT, SIGHUP]) func clearsUp(number: Int32) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    var random = SeededRandom(seed: 1)
    let value = random.bytes(1 << 20)
    for key in 0..<48 { try store.put(value, for: "\(key)") }
    try store.close()
    let copy = directory.path("copy")
    let process = try start(["copy", path, copy], output: directory.path("output"))
    try wait { Files.exists(copy + ".partial") || Files.exists(copy) || !process.isRunning }
    kill(process.processIdentifier, number)
    process.waitUntilExit()
    #expect(!Files.exists(copy + ".partial"))
    #expect(Files.exists(copy) != (process.terminationReason == .uncaughtSignal))
    let backup = directory.path("backup")
    func names() throws -> [String] { try Files.names(directory.path).filter { $0.hasPrefix("backup") } }
    let second = try start(["backup", path, backup], output: directory.path("output"))
    try wait { try !names().isEmpty || !second.isRunning }
    kill(second.processIdentifier, number)
    second.waitUntilExit()
    #expect(try names() == (second.terminationReason == .uncaughtSignal ? [] : ["backup"]))
  }

  @Test func whileAFIFOIsOpened() throws {
    let directory = TemporaryDirectory()
    let result = unsafe mkfifo(directory.path("fifo"), 0o600)
    try #require(result == 0)
    let output = directory.path("output")
    let process = try start(["load", directory.path("store"), directory.path("fifo")], output: output)
    let state = "/proc/\(process.processIdentifier)/wchan"
    // Where the kernel does not tell, this waits long enough.
    for _ in 0..<100 {
      let place = try? String(contentsOfFile: state, encoding: .utf8)
      if place?.contains("fifo") == true || place?.contains("wait_for_partner") == true { break }
      usleep(5000)
    }
    kill(process.processIdentifier, SIGINT)
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGINT)
    #expect(try Files.read(output).isEmpty)
  }

  private func shell(_ script: String, _ path: String) throws -> Tool.Result {
    let words = Self.unblocked + ["timeout", "30", "bash", "-c", script, Tool.executable("kvdump").path, path]
    return try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), words)
  }

  @Test func followEndsWithItsReader() throws {
    let fixture = try Fixture(seed: 1, commits: 5)
    let result = try shell(#""$0" log "$1" --follow | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}"#, fixture.path)
    #expect(result.text == "141\n" && result.errors.isEmpty, "\(result)")
  }

  /// Method: `script` gives a terminal, and what ends the input there.
  @Test func aTerminalIsToldWhatIsAwaited() throws {
    let directory = TemporaryDirectory()
    let result = try shell(
      #"command -v script >/dev/null || exit 9; script -qec "'$0' load '$1'" /dev/null </dev/null"#,
      directory.path("store"))
    #expect(result.code == 9 || result.text.contains("reading a dump from standard input"), "\(result)")
  }

  /// What is opened first must not become standard input.
  @Test func withoutStandardStreams() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let result = try shell(#""$0" load "$1" <&-"#, path)
    #expect(result.code == 0 && result.text.hasPrefix("0 entries written"), "\(result)")
    let silent = try shell(#""$0" info "$1" >&-"#, path)
    #expect(silent.code == 1 && silent.errors.contains("the output cannot be written"), "\(silent)")
  }
}
