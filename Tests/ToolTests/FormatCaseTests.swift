import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: what lies in `Formats/v1` is read for ever as it was when it was put there, and defects and unknown features
/// are told as they were, by the engine, by `kvdump` and by the reader in Python.
@Suite struct FormatCaseTests {
  private static let root =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path + "/Formats/v1"

  /// A case as it lies there, whoever made it.
  struct Stored: CustomTestStringConvertible, Sendable {
    let folder: String
    let name: String
    var path: String { "\(FormatCaseTests.root)/\(folder)/\(name)" }
    var testDescription: String { "\(folder)/\(name)" }
    /// What is damaged is only the index's checkpoint: the store is read as if there were none, and `verify` says so.
    var isOnlyACheckpoint: Bool { folder == "hostile" && name.hasPrefix("checkpoint-") }

    /// `fine`, or code, file and offset.
    func expectation(_ word: String) throws -> String {
      let text = String(decoding: try Files.read(path + "/expected.txt"), as: UTF8.self)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(word + ": ") })
      return String(line.dropFirst(word.count + 2))
    }
  }

  static let stored: [Stored] = ["golden", "future", "hostile"].flatMap { folder in
    ((try? Files.names("\(root)/\(folder)")) ?? []).map { Stored(folder: folder, name: $0) }
  }

  private func describe(_ error: StoreError, _ store: String) -> String {
    var file = error.file ?? "-"
    if file == store { file = "." } else if file.hasPrefix(store + "/") { file.removeFirst(store.count + 1) }
    return "\(error.code) \(file) \(error.byteOffset.map(String.init) ?? "-")"
  }

  private func exitCode(_ expectation: String) -> Int32 {
    if expectation == "fine" { return 0 }
    return expectation.hasPrefix("damaged") ? 3 : 4
  }

  @Test func thereAreAllKinds() {
    for folder in ["golden", "future", "hostile"] {
      #expect(Self.stored.count { $0.folder == folder } >= 16, "\(folder)")
    }
  }

  /// Goal: nothing that was put there is ever changed or lost.
  @Test func theManifest() throws {
    let manifest = String(decoding: try Files.read(Self.root + "/MANIFEST"), as: UTF8.self)
    let listed = Set(manifest.split(separator: "\n").map { String($0.dropFirst(66)) })
    let check = Process()
    check.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    check.arguments = ["sha256sum", "--check", "--quiet", "MANIFEST"]
    check.currentDirectoryURL = URL(fileURLWithPath: Self.root)
    try check.run()
    check.waitUntilExit()
    #expect(check.terminationStatus == 0)
    for stored in Self.stored {
      let names = try #require(FileManager.default.enumerator(atPath: stored.path)).compactMap { $0 as? String }
      for name in names {
        var isFolder: ObjCBool = false
        _ = unsafe FileManager.default.fileExists(atPath: stored.path + "/" + name, isDirectory: &isFolder)
        let path = "\(stored.folder)/\(stored.name)/\(name)"
        #expect(isFolder.boolValue || listed.contains(path), "\(path) is not in the manifest")
      }
    }
  }

  /// Goal: the stores can be made again, to the byte.
  @Test func madeAgain() throws {
    let directory = TemporaryDirectory()
    let again = directory.path("again")
    try FileManager.default.createDirectory(atPath: again, withIntermediateDirectories: false)
    let made = try Tool.run(Tool.executable("cairn-golden"), [again])
    #expect(made.code == 0, "\(made.errors)")
    #expect(try Files.read(again + "/MANIFEST") == Files.read(Self.root + "/MANIFEST"))
  }

  @Test(arguments: stored) func theEngineReads(_ stored: Stored) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Files.copyTree(stored.path + "/store", to: path)
    let expected = try stored.expectation("read")
    let dump = String(decoding: try Files.read(stored.path + "/dump.jsonl"), as: UTF8.self)
    var lines: [(version: UInt64, line: String)] = []
    var found = "fine"
    do {
      let store = try Store.open(at: path, options: Store.Options(.readOnly))
      if let damage = store.damage { found = describe(damage, path) }
      do {
        try store.forEach { entry in
          lines.append((entry.version, DumpText.line(entry)))
          return true
        }
      } catch let error as StoreError {
        if found == "fine" { found = describe(error, path) }
      }
      try store.close()
    } catch let error as StoreError {
      found = describe(error, path)
    }
    #expect(found == expected)
    // With a checkpoint, the engine gets at more of a damaged log than those who read it from its beginning.
    if expected == "fine" || expected.hasPrefix("damaged") && !Files.exists(path + "/index.checkpoint") {
      let text = lines.sorted { $0.version < $1.version }.map(\.line).joined()
      #expect(text == dump)
    }
  }

  @Test(arguments: stored) func theEngineWrites(_ stored: Stored) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Files.copyTree(stored.path + "/store", to: path)
    let expected = try stored.expectation("write")
    var found = "fine"
    do {
      let store = try Store.open(at: path, options: Store.Options(.mustExist))
      try store.put("new", for: "a new key")
      try store.close()
    } catch {
      found = describe(error, path)
    }
    #expect(found == expected)
    if found != "fine" {
      // Refused, and left as it was.
      for name in try Files.names(stored.path + "/store") {
        #expect(try Files.read(path + "/" + name) == Files.read(stored.path + "/store/" + name), "\(name)")
      }
      return
    }
    let verified = try Tool.run("verify", "--deep", path)
    let verdict = exitCode(try stored.expectation("read"))
    #expect(verified.code == verdict || stored.isOnlyACheckpoint && verified.code == 3, "\(verified.text)")
    if try stored.expectation("read") == "fine" {
      let old = String(decoding: try Files.read(stored.path + "/dump.jsonl"), as: UTF8.self)
      let new = try Tool.run("dump", path).text
      #expect(new.hasPrefix(old) && new.contains(#""key": "a new key""#))
    }
  }

  /// Goal: a repair saves all of a store that is whole, and says so of one that is not.
  @Test(arguments: stored) func repaired(_ stored: Stored) throws {
    let directory = TemporaryDirectory()
    let (path, target) = (stored.path + "/store", directory.path("saved"))
    let verified = try Tool.run("verify", path)
    let repaired = try Tool.run("repair", path, "--output", target)
    if stored.name.hasPrefix("read-only-compatible") {
      // The new store would lack what the feature is for.
      return #expect(repaired.code == 4)
    }
    #expect(verified.code == repaired.code || verified.code == 4 && repaired.code == 3, "\(repaired)")
    if repaired.code == 0 {
      #expect(try Tool.run("diff", path, target).code == 0)
      #expect(!repaired.text.contains("skipped: "), "\(repaired)")
    } else if repaired.code == 3 {
      #expect(repaired.text.contains("skipped: ") || repaired.text.contains("damaged: "), "\(repaired)")
      #expect(try Tool.run("verify", target).code == 0)
    } else {
      #expect(repaired.text.contains("only a newer version can read") || !repaired.errors.isEmpty, "\(repaired)")
      #expect(!repaired.text.contains("damaged: "), "\(repaired)")
    }
  }

  /// F1-DMP-004.
  @Test(arguments: stored) func kvdumpAndTheReaderInPython(_ stored: Stored) throws {
    let dump = try Files.read(stored.path + "/dump.jsonl")
    let expected = exitCode(try stored.expectation("read"))
    let own = try Tool.run("dump", stored.path + "/store")
    #expect(own.output == dump && own.code == expected, "\(own.errors)")
    let verified = try Tool.run("verify", stored.path + "/store")
    #expect(verified.code == (stored.isOnlyACheckpoint ? 3 : expected), "\(verified.text)\(verified.errors)")
    guard Reader.isThere else { return }
    let read = try Reader.run("dump", stored.path + "/store")
    #expect(read.output == dump && read.code == expected, "\(read.errors)")
  }
}
