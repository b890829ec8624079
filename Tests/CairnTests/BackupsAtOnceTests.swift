import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: backups that are made to one place at once do no harm to each other, and each is told what has become of it.
@Suite struct BackupsAtOnceTests {
  private let directory = TemporaryDirectory()

  /// Two that replace the same backup, again and again: it never goes back.
  @Test func twoAtOnce() throws {
    let store = try BackupTests.open(directory.path("store"))
    let path = directory.path("backup")
    try store.put("first", for: "key")
    try store.backup(to: path)
    let newest = Mutex<UInt64>(1)
    let done = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 3) { _ in
      for number in 0..<40 {
        do {
          try store.put("\(number)", for: "key")
          let before = newest.withLock { $0 }
          let made = try store.backup(to: path)
          #expect(made.lastSequence >= before)
          newest.withLock { $0 = max($0, made.lastSequence) }
          done.add(1, ordering: .relaxed)
        } catch {
          // The other one is at it, or has just put another one there.
          let code = (error as? StoreError)?.code
          #expect([.locked, .notAStore, .notFound].contains(code), "\(error)")
        }
      }
    }
    #expect(done.load(ordering: .relaxed) > 0)
    let backup = try Store.open(at: path, options: Store.Options(.readOnly))
    #expect(backup.damage == nil && backup.lastSequence >= newest.withLock { $0 })
    try store.backup(to: path)
    #expect(try Files.names(directory.path) == ["backup", "store"])
    try store.close()
  }

  /// Where there is nothing, one of them is the first; the others are told.
  @Test func firstAtOnce() throws {
    let store = try BackupTests.open(directory.path("store"))
    try store.put("1", for: "key")
    let refused = Atomic(0)
    for round in 0..<1000 where refused.load(ordering: .relaxed) < 20 {
      let path = directory.path("backup-\(round)")
      DispatchQueue.concurrentPerform(iterations: 3) { _ in
        do { try store.backup(to: path) } catch {
          // Or it begins when the first one is there, and meets another that has just been replaced.
          let code = (error as? StoreError)?.code
          #expect([.locked, .notAStore, .notFound].contains(code) && "\(error)".contains(path), "\(error)")
          if code == .locked { refused.add(1, ordering: .relaxed) }
        }
      }
      #expect(try Numbered.same(store, path))
    }
    let processors = ProcessInfo.processInfo.activeProcessorCount
    #expect(refused.load(ordering: .relaxed) > 0 || processors == 1, "they were never there at once")
    try store.close()
  }

  /// Who has the lock has it alone, though each removes its file before it lets go.
  @Test func aLockThatIsRemoved() throws {
    let place = try PosixFileSystem().openDirectory(directory.path, creating: nil)
    let holders = Atomic(0)
    let held = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 3) { _ in
      do {
        while held.load(ordering: .relaxed) < 3000 {
          guard let lock = try place.lock("lock", permissions: 0o600) else { continue }
          #expect(holders.add(1, ordering: .sequentiallyConsistent).newValue == 1)
          held.add(1, ordering: .relaxed)
          holders.subtract(1, ordering: .sequentiallyConsistent)
          try place.unlink("lock")
          try lock.close()
        }
      } catch { Issue.record(error) }
    }
  }
}
