import CairnPlanted
import Foundation

/// `cairn-planted [BUG...]`: plants bugs in a copy of the package, and sees whether the tests find them: all, or those
/// that are named. Ends with 0 if each was found.
/// `cairn-planted --table`: the bugs, and the tests that find them, in Markdown.
/// `--into FOLDER`: where the copy is made and built; otherwise `.build/planted/package`.

struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// One line, however much of it is cut off by a pipe that ends.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func table() {
  say("| bug | what is wrong | found by |\n|---|---|---|")
  for bug in PlantedBug.all {
    let build = bug.build == .threads ? ", under the thread sanitizer" : ""
    say("| `\(bug.name)` | \(bug.wrong) | `\(bug.test)`\(build) |")
  }
}

func bugs(named names: [String]) throws -> [PlantedBug] {
  if names.isEmpty { return PlantedBug.all }
  return try names.map { name in
    guard let bug = PlantedBug.all.first(where: { $0.name == name }) else {
      throw Failure(description: "There is no bug called \(name): `cairn-planted --table` lists those that there are.")
    }
    return bug
  }
}

func run(_ bugs: [PlantedBug], in folder: String) throws -> Bool {
  let copy = PackageCopy(folder)
  try copy.update()
  var missed: [String] = []
  for build in [PlantedBug.Build.plain, .threads] {
    let planted = bugs.filter { $0.build == build }
    if planted.isEmpty { continue }
    let tests = try BuiltTests(copy, build)
    let sound = Set(planted.map(\.test)).sorted()
    say("Without any bug: \(sound.count) tests")
    var times: [String: Double] = [:]
    for test in sound {
      let start = Date()
      guard try tests.run(test, planted: nil, secondsMax: 1200).passed else {
        throw Failure(description: "\(test) fails although no bug is switched on: see above. Mend that first.")
      }
      times[test] = Date().timeIntervalSince(start)
    }
    for bug in planted {
      let start = Date()
      // A bug that makes a test hang has been found, too.
      let secondsMax = max(120, 10 * times[bug.test, default: 0])
      var attempts = 1
      var result = try tests.run(bug.test, planted: bug.name, secondsMax: secondsMax)
      // Random tests have other seeds each time, and on a busy machine threads may not meet.
      while result.passed && attempts < 5 {
        attempts += 1
        result = try tests.run(bug.test, planted: bug.name, secondsMax: secondsMax)
      }
      let how = result.passed ? "MISSED" : result.how + (attempts > 1 ? " at attempt \(attempts)" : "")
      let seconds = String(format: "%.1f s", Date().timeIntervalSince(start))
      say([bug.name, bug.test, how, seconds].joined(separator: "\t"))
      if result.passed { missed.append(bug.name) }
    }
  }
  if missed.isEmpty {
    say("All \(bugs.count) bugs were found.")
  } else {
    say("Missed: \(missed.joined(separator: ", "))")
  }
  return missed.isEmpty
}

var names = Array(CommandLine.arguments.dropFirst())
if names == ["--table"] {
  table()
  exit(0)
}
var folder = FileManager.default.currentDirectoryPath + "/.build/planted/package"
if let place = names.firstIndex(of: "--into"), place + 1 < names.count {
  folder = URL(fileURLWithPath: names[place + 1]).path
  names.removeSubrange(place...place + 1)
}
do {
  exit(try run(try bugs(named: names), in: folder) ? 0 : 1)
} catch {
  FileHandle.standardError.write(Data("cairn-planted: \(error)\n".utf8))
  exit(2)
}
