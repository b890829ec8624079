import Cairn
import CairnTestSupport
import Dispatch
import Foundation
import Synchronization
import Testing

/// Swift hides `fork`, since most of a process does not survive it; a child that makes a few calls and ends may.
func forked() throws -> pid_t {
  typealias Fork = @convention(c) () -> pid_t
  guard let symbol = unsafe dlsym(nil, "fork") else { throw CocoaError(.featureUnsupported) }
  return unsafe unsafeBitCast(unsafe symbol, to: Fork.self)()
}

/// Goal: a forked child neither uses the store of its parent, nor harms it, nor keeps its lock.
@Suite(.serialized) struct ForkTests {
  @Test func aChildDoesNotUseItsParentsStore() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    try store.put("before", for: "key")
    let pipe = Pipe()
    let ends = [pipe.fileHandleForReading.fileDescriptor, pipe.fileHandleForWriting.fileDescriptor]
    let child = try forked()
    if child == 0 {
      var mistakes: Int32 = 0
      func expectRefusal(_ body: () throws -> Void) {
        do {
          try body()
          mistakes += 1
        } catch {
          if (error as? StoreError)?.code != .usedAfterFork { mistakes += 1 }
        }
      }
      expectRefusal { _ = try store.value(for: "key") }
      expectRefusal { try store.put("child", for: "key") }
      expectRefusal { try store.sync() }
      // Closing is nothing that a child can do to its parent.
      do { try store.close() } catch { mistakes += 1 }
      // Until the parent has closed and opened the store.
      close(ends[1])
      var byte: UInt8 = 0
      _ = unsafe read(ends[0], &byte, 1)
      _exit(mistakes)
    }
    try store.put("after", for: "key")
    #expect(try store.value(for: "key") == Array("after".utf8))
    try store.close()
    let reopened = try Store.open(at: path)
    #expect(try reopened.value(for: "key") == Array("after".utf8))
    try reopened.close()
    try pipe.fileHandleForWriting.close()
    var status: Int32 = 0
    unsafe waitpid(child, &status, 0)
    #expect(status == 0, "the child counted \(status >> 8) mistakes, or was killed")
  }

  /// Method: a child that is forked in the middle of reads ends them, while other threads of its parent were taking and
  /// giving back what decompresses: a lock that one of them held is never opened in the child. One that hangs is killed
  /// by its alarm.
  @Test func aChildEndsTheReadsThatItWasForkedIn() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.compression = .zstd()
    let store = try Store.open(at: directory.path("store"), options: options)
    let value = [UInt8](repeating: 0x61, count: 200)
    try store.put(value, for: "key")
    let isOver = Atomic(false)
    let readers = DispatchGroup()
    for _ in 0..<3 {
      readers.enter()
      Thread.detachNewThread {
        while !isOver.load(ordering: .relaxed) { _ = try? store.value(for: "key") }
        readers.leave()
      }
    }
    defer {
      isOver.store(true, ordering: .relaxed)
      readers.wait()
    }
    for number in 0..<100 {
      let child = try store.withValue(for: "key") { (_: RawSpan) throws in
        let child = try forked()
        if child == 0 {
          // Threads of tests hold signals back.
          var none = sigset_t()
          unsafe sigemptyset(&none)
          unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
          alarm(20)
        }
        return child
      }
      // What it may not begin comes to an end, too.
      if child == 0 { _exit((try? store.value(for: "key")) == nil ? 0 : 1) }
      var status: Int32 = 0
      unsafe waitpid(try #require(child), &status, 0)
      try #require(status == 0, "child \(number): status \(status)")
    }
    #expect(try store.value(for: "key") == value)
    try store.close()
  }
}
