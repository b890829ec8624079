import CairnPlanted
import Foundation

/// The tests of the copy, built in one of two ways.
struct BuiltTests {
  struct Result {
    let passed: Bool
    /// How it came out that something is wrong.
    let how: String
  }

  /// Of the testing library, where no test has the name.
  private static let noSuchTest: Int32 = 69

  private let executable: URL
  private let environment: [String: String]

  init(_ copy: PackageCopy, _ build: PlantedBug.Build) throws {
    var arguments = ["build", "--build-tests", "--package-path", copy.path]
    // A backtracer would hang on to a process that is meant to die.
    var environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    environment[PlantedSources.variable] = nil
    if build == .threads {
      arguments += ["-c", "release", "-Xswiftc", "-enable-testing", "--sanitize=thread"]
      arguments += ["--scratch-path", copy.path + "/.build/thread"]
      environment["TSAN_OPTIONS"] =
        "halt_on_error=1:suppressions=\(copy.path)/.ci/thread-sanitizer.suppressions"
    }
    say("Building the copy in \(copy.path)" + (build == .threads ? ", for the thread sanitizer" : ""))
    let built = try Self.run("swift", arguments, environment, output: nil)
    guard built == 0 else { throw Failure(description: "The copy cannot be built: see above.") }
    let place = Pipe()
    _ = try Self.run("swift", arguments + ["--show-bin-path"], environment, output: place)
    let text = String(decoding: place.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    executable = URL(fileURLWithPath: text.trimmingCharacters(in: .whitespacesAndNewlines))
      .appendingPathComponent("CairnPackageTests.xctest")
    self.environment = environment
  }

  /// Runs a test, with a bug switched on or without any; in that case what fails is printed.
  ///
  /// - Parameter secondsMax: a test that takes longer hangs.
  func run(_ test: String, planted bug: String?, secondsMax: Double) throws -> Result {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("cairn-planted-\(getpid())")
    try Data().write(to: output)
    defer { try? FileManager.default.removeItem(at: output) }
    let handle = try FileHandle(forWritingTo: output)
    let process = Process()
    process.executableURL = executable
    // The whole name, so that no other test has it too.
    process.arguments = ["--testing-library", "swift-testing", "--filter", "\\.\(test)\\("]
    process.environment = environment
    process.environment?[PlantedSources.variable] = bug
    // Random tests have many seeds. That they pass is what other runs are for; here one has to do.
    if bug == nil { process.environment?["CAIRN_SEED"] = "1" }
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let end = Date() + secondsMax
    var how = "found: it died"
    var passed = false
    while process.isRunning {
      usleep(20_000)
      let isFound = try bug != nil && hasIssue(output)
      guard isFound || Date() > end else { continue }
      how = isFound ? "found" : "found: it hangs"
      kill(process.processIdentifier, SIGKILL)
      break
    }
    process.waitUntilExit()
    try handle.close()
    if process.terminationReason == .exit {
      if process.terminationStatus == Self.noSuchTest {
        throw Failure(description: "There is no test called \(test).")
      }
      passed = process.terminationStatus == 0
      if try hasIssue(output) { how = "found" }
    }
    if !passed && bug == nil {
      let lines = String(decoding: try Data(contentsOf: output), as: UTF8.self).split(separator: "\n")
      for line in lines.filter({ $0.contains(Self.issue) || $0.contains("rror") }).prefix(50) { say("\(line)") }
    }
    return Result(passed: passed, how: how)
  }

  /// What the testing library says as soon as something is not as it should be.
  private static let issue = "recorded an issue"

  private func hasIssue(_ output: URL) throws -> Bool {
    try Data(contentsOf: output).range(of: Data(Self.issue.utf8)) != nil
  }

  /// Returns how the program ended: its code, or 128 and its signal.
  private static func run(
    _ program: String, _ arguments: [String], _ environment: [String: String], output: Pipe?
  ) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = environment
    if let output {
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
    }
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
  }
}
