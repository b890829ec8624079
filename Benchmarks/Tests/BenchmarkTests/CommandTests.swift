import Foundation
import Testing

/// Goal: `kvbench` says in one line what is wrong, and leaves nothing behind.
@Suite struct CommandTests {
  private struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  private func kvbench(_ arguments: [String]) throws -> Result {
    let process = Process()
    // Beside the tests, where the package manager puts it.
    process.executableURL = Bundle.main.bundleURL.appendingPathComponent("kvbench")
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Result(status: process.terminationStatus, output: text, errors: complaint)
  }

  private func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "/kvbench-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  @Test(arguments: [
    ["--workload", "nothing"], ["--peers", "nobody"], ["--keys", "0"], ["--keys", "many"], ["--keys"],
    ["--value-size", "-1"], ["--value-size", "99999999999"], ["--threads", "0"], ["--durability", "granite"],
    ["--folder", "/nowhere/at/all"], ["--folder", "/dev/null"], ["--plot", "/nowhere/plot.svg"],
    ["contest", "--results", "/nowhere"], ["dance"], ["--keys", "1000000000", "--value-size", "67108864"],
  ])
  func nonsense(arguments: [String]) throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var all = arguments
    if !arguments.contains("--folder") { all += ["--folder", folder] }
    let result = try kvbench(all)
    #expect(result.status != 0)
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  /// Every workload, on a small store, by every peer that is there: each finds what it should, or the run fails.
  @Test func everyWorkloadRuns() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let listed = try kvbench(["list"])
    #expect(listed.status == 0 && listed.output.contains("Cairn"))
    let works = listed.output.split(separator: "\n").drop { $0 != "workloads:" }.dropFirst()
      .map { String($0.split(separator: " ")[0]) }
    #expect(works.count > 15)
    for work in works where work != "rebuild" {
      let result = try kvbench([
        "--workload", work, "--keys", "2000", "--json", "--folder", folder, "--rounds", "1",
      ])
      #expect(result.status == 0, "\(work): \(result.errors)")
      let rows = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]]
      // Some things are done by the one that keeps its keys in order.
      let own = rows?.first { ($0["engine"] as? String)?.hasPrefix("Cairn") == true }
      #expect(own?["nanosecondsPerOp"] != nil, "\(work)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  @Test func aPlotIsWritten() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let plot = folder + "/plot.svg"
    let result = try kvbench(["--keys", "1000", "--peers", "cairn", "--plot", plot])
    #expect(result.status == 0, "\(result.errors)")
    #expect(try String(contentsOfFile: plot, encoding: .utf8).contains("<svg"))
  }
}
