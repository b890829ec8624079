import Cairn
import CairnInspect
import CairnTestSupport
import Foundation

/// `cairn-golden FOLDER [--replace]`: writes the stores of `Formats/v1` that are missing in a folder, the same bytes on
/// every machine, and the manifest of all. What is there is compared, and never replaced but where that is asked for.
/// `cairn-golden --frozen FOLDER`: the same for `Formats/frozen-v1`, without a manifest: the files have checksums.

struct Failure: Error {
  let message: String
}

final class Lines: OutputSink {
  var bytes: [UInt8] = []
  func write(_ bytes: [UInt8]) { self.bytes += bytes }
}

func dump(_ path: String) -> [UInt8] {
  let lines = Lines()
  do {
    var writer = EntryWriter(.json, to: lines)
    var reader = try EntryReader(StoreDirectory(opening: path), filter: .all)
    try reader.forEach(.version) { entry throws(StoreError) in
      try writer.write(entry)
      return true
    }
  } catch {
    // A case that cannot be opened has an empty dump; that it should be so is what its expectation says.
  }
  return lines.bytes
}

/// Everything that belongs to a case, by path.
func contents(of format: FormatCase) throws -> [String: [UInt8]] {
  let base = "\(format.folder.rawValue)/\(format.name)/"
  let directory = TemporaryDirectory()
  var contents: [String: [UInt8]] = [:]
  try FileManager.default.createDirectory(atPath: directory.path("store"), withIntermediateDirectories: false)
  for (name, bytes) in try format.make() {
    contents[base + "store/" + name] = bytes
    try Files.write(bytes, to: directory.path("store") + "/" + name)
  }
  contents[base + "dump.jsonl"] = dump(directory.path("store"))
  contents[base + "expected.txt"] = Array(format.expectation.utf8)
  return contents
}

func write(_ bytes: [UInt8], to path: String, isReplacing: Bool) throws -> Bool {
  if FileManager.default.fileExists(atPath: path) {
    if try Files.read(path) == bytes { return false }
    guard isReplacing else { throw Failure(message: "\(path) is there, and would be written otherwise now") }
  }
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  try Files.write(bytes, to: path)
  return true
}

func writeFrozen(to root: String) throws {
  for frozen in FrozenCase.all {
    let path = "\(root)/golden/\(frozen.name).frozen"
    // Another version of zstd makes other frames of the same values.
    if frozen.isCompressed && FileManager.default.fileExists(atPath: path) { continue }
    if try write(try frozen.make(), to: path, isReplacing: false) { print(path) }
    let lines = Lines()
    var writer = EntryWriter(.json, to: lines)
    let file = try FrozenFile(path)
    try file.forEach(.all, .version) { record throws(StoreError) in
      try file.store.withContent(of: record) { key, value, version, deadline throws(StoreError) in
        try writer.write(key, value, version, deadline)
      }
      return true
    }
    _ = try write(lines.bytes, to: "\(root)/golden/\(frozen.name).jsonl", isReplacing: false)
  }
}

func main(_ arguments: [String]) throws {
  if arguments.count == 2, arguments[0] == "--frozen" { return try writeFrozen(to: arguments[1]) }
  guard let root = arguments.first, arguments.dropFirst().allSatisfy({ $0 == "--replace" }) else {
    throw Failure(message: "usage: cairn-golden FOLDER [--replace]")
  }
  var names: [String] = []
  var written = 0
  for format in FormatCase.all {
    for (name, bytes) in try contents(of: format) {
      names.append(name)
      if try write(bytes, to: root + "/" + name, isReplacing: arguments.contains("--replace")) { written += 1 }
    }
  }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["sha256sum"] + names.sorted()
  process.currentDirectoryURL = URL(fileURLWithPath: root)
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let manifest = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw Failure(message: "sha256sum failed") }
  try manifest.write(to: URL(fileURLWithPath: root + "/MANIFEST"))
  print("\(FormatCase.all.count) stores, \(written) files written")
}

do {
  try main(Array(CommandLine.arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("cairn-golden: \((error as? Failure)?.message ?? "\(error)")\n".utf8))
  exit(1)
}
