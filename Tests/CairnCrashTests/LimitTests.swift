import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: where the system gives no more, a writer gets an error, the process lives, and nothing acknowledged is lost.
/// Method: real limits and a real full disk, at every size that matters to a store of small segments.
@Suite(.serialized) struct LimitTests {
  /// Runs the writer under a limit of the shell, then opens the store without it.
  private func write(under limit: String, end: Int, _ location: SourceLocation = #_sourceLocation) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/bash")
    let command = "ulimit \(limit) && exec env --default-signal \"$0\" \"$@\""
    child.arguments = ["-c", command, Writer.executable.path, path, "process", "0", "\(end)"]
    child.environment = Writer.environment
    let output = Pipe()
    child.standardOutput = output
    try child.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    child.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    let last = text.split(separator: "\n").last ?? ""
    #expect(child.terminationReason == .exit, "ulimit \(limit): \(last)", sourceLocation: location)
    let acknowledged = Writer.acknowledged(data).map { $0 + 1 } ?? 0
    if child.terminationStatus == 0 {
      #expect(acknowledged == end, "ulimit \(limit)", sourceLocation: location)
    } else {
      #expect(last.hasPrefix("error: "), "ulimit \(limit): \(last)", sourceLocation: location)
    }
    let store = try Store.open(at: path)
    try Writer.check(store, before: acknowledged, "ulimit \(limit)")
    try store.put("more", for: "more")
    try store.close()
  }

  /// Over it the kernel sends a signal that ends the process (and which the tests themselves block). Segments are of
  /// 64 KiB, a checkpoint is larger.
  @Test func sizeOfFiles() throws {
    for kibibytes in [0, 1, 4, 5, 8, 12, 63, 64, 65, 68, 72, 96, 128] { try write(under: "-f \(kibibytes)", end: 4000) }
  }

  @Test func numberOfFiles() throws {
    for number in 4...14 { try write(under: "-n \(number)", end: 1500) }
  }

  // MARK: A full disk

  private static let canMount: Bool = {
    let place = TemporaryDirectory()
    guard (try? mount(place.path)) != nil else { return false }
    unmount(place.path)
    return true
  }()

  private static func run(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw CocoaError(.featureUnsupported) }
  }

  private static func mount(_ path: String) throws {
    try run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path)
  }

  private static func unmount(_ path: String) { try? run("umount", path) }

  @Test(
    .enabled(if: canMount, "needs the right to mount a small file system"),
    arguments: [Store.Durability.relaxed, .process, .disk])
  func aFullDisk(durability: Store.Durability) throws {
    let largest = [UInt8](repeating: 1, count: 200_000)
    for spare in [0, 4096, 60 << 10, 100 << 10] {
      let place = TemporaryDirectory()
      try Self.mount(place.path)
      defer { Self.unmount(place.path) }
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      options.checkpointInterval = 200_000
      options.durability = durability
      try Files.write([UInt8](repeating: 1, count: spare), to: place.path("filler"))
      let store = try Store.open(at: place.path("store"), options: options)
      var written = 0
      var failure: StoreError?
      while failure == nil {
        do throws(StoreError) {
          try store.put(SelfDescribing.value(written), for: SelfDescribing.key(written, part: 0))
          written += 1
        } catch {
          failure = error
        }
      }
      #expect(failure?.code == .noSpace, "\(String(describing: failure))")
      let comment: Comment = "\(spare) bytes to spare, \(durability)"
      for number in 0..<written {
        let value = try store.value(for: SelfDescribing.key(number, part: 0))
        #expect(value == SelfDescribing.value(number), comment)
      }
      // Nothing of it was written, so nothing is lost, and with some room again the store goes on.
      let refusal = #expect(throws: StoreError.self, comment) { try store.put(largest, for: "after") }
      #expect(refusal?.code == .noSpace, comment)
      try? store.sync()
      if spare >= 100 << 10 {
        Files.remove(place.path("filler"))
        try store.put("1", for: "more")
      }
      try? store.close()
      // All that was acknowledged is there; relaxed writes may lack an end.
      Files.remove(place.path("filler"))
      guard spare >= 60 << 10 else { continue }
      let again = try Store.open(at: place.path("store"), options: options)
      var end = written
      while durability == .relaxed, end > 0, try !again.contains(SelfDescribing.key(end - 1, part: 0)) { end -= 1 }
      #expect(written - end < 2000, comment)
      for number in 0..<end {
        let value = try again.value(for: SelfDescribing.key(number, part: 0))
        #expect(value == SelfDescribing.value(number), comment)
      }
      try again.put("1", for: "after")
      try again.close()
    }
  }
}
