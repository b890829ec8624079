import CairnTestSupport
import Foundation
import Testing

@testable import Cairn

/// Goal: what the system does rarely is met as it is: a write of a part, a signal, a program that is started.
@Suite(.serialized) struct SystemCallTests {
  /// Method: a forked child writes over the limit of its files, which the system takes a part of. In the child, because
  /// the limit is that of a process.
  @Test func aShortWriteIsNotWhole() throws {
    let directory = TemporaryDirectory()
    let place = try PosixFileSystem().openDirectory(directory.path, creating: nil)
    let file = try place.create("file", permissions: 0o600)
    let memory = try System.allocate(byteCount: 3 * 4096)
    memory.view.slice(0, 4096).store(UInt64.max, at: 0)
    let child = try forked()
    if child == 0 {
      // Otherwise the second part of the write would end the process.
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      do throws(StoreError) { try file.write(memory.view, at: 0) } catch { _exit(error.code == .noSpace ? 0 : 2) }
      _exit(1)
    }
    var status: Int32 = 0
    unsafe waitpid(child, &status, 0)
    #expect(status == 0, "1 in the second byte: the write was taken for whole: \(status)")
    #expect(try file.byteCount() == 4096, "a part was written")
    try file.close()
  }

  @Test func interruptedCallsAreMadeAgain() {
    var calls = 0
    let result = System.retrying {
      calls += 1
      errno = EINTR
      return calls < 3 ? -1 : 7
    }
    #expect(result == 7 && calls == 3)
    let failed = System.retrying {
      calls += 1
      errno = EIO
      return -1
    }
    #expect(failed == -1 && calls == 4, "what has failed for another reason is not")
  }

  /// No program that is started while a store is open gets any of its files, nor its lock.
  @Test func descriptorsEndWithTheProgram() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put("1", for: "a")
    let reader = try Store.open(at: directory.path("store"), options: Store.Options(.readOnly))
    var found = 0
    for number in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap({ Int32($0) }) {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
      guard let target, target.hasPrefix(directory.path) else { continue }
      found += 1
      #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0, "\(target)")
    }
    #expect(found >= 4, "two directories, a lock and a segment are open: \(found)")
    try reader.close()
    try store.close()
  }
}
