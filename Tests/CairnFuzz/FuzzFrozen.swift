import Cairn
import CairnTestSupport
import Foundation
import Synchronization

/// A frozen store of hostile bytes, read in every way.
final class FuzzFrozen: Sendable {
  static let shared = FuzzFrozen()

  private let path: String
  private let turn = Mutex<Void>(())

  private init() {
    // Where there is one, in memory.
    let folder = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    path = folder + "/cairn-fuzz-frozen-\(getpid())"
  }

  func read(_ bytes: [UInt8]) {
    var repaired = ForgedFrozen(bytes)
    repaired.repair()
    turn.withLock { _ in
      for content in [bytes, repaired.bytes] {
        // Not the same file again: the last one may still be mapped.
        Files.remove(path)
        guard (try? Files.write(content, to: path)) != nil else { preconditionFailure("the file cannot be written") }
        readEverything(ForgedFrozen(content))
      }
      Files.remove(path)
    }
  }

  private func readEverything(_ forged: ForgedFrozen) {
    var options = FrozenStore.Options()
    options.fallsBack = false
    guard let store = try? FrozenStore.open(path, options: options) else { return }
    var keys: [[UInt8]] = [Array("key".utf8)]
    let isWhole = (try? store.verify()) != nil
    try? store.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      // What has been verified is the same however it is read.
      if isWhole { precondition((try? store.value(for: key)) == value) }
      keys.append(key)
      return true
    }
    for key in keys {
      _ = try? store.entry(for: key)
      _ = try? store.contains(key)
    }
    _ = try? store.values(for: keys)
  }
}
