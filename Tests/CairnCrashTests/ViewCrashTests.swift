import CairnIndex
import CairnTestSupport
import CairnTorture
import Testing

@testable import Cairn

/// Goal: a crash at any moment leaves a view that knows of nothing that is lost, and of all that is there.
/// Method: keys in order are kept while some come and go; the disk is stopped before every call, then the power fails.
@Suite struct ViewCrashTests {
  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.hasThreads = false
    options.views = [OrderedKeys(savedAfter: 0)]
    return options
  }

  private func open(_ disk: SimulatedDisk) throws -> (Store, OrderedKeys) {
    let store = try Store.open(at: "store", options: options(), on: disk)
    return (store, try #require(store.views.first as? OrderedKeys))
  }

  /// F1-VIE-001, F1-VIE-002.
  @Test(arguments: SeededRandom.seeds(1)) func whileItIsKept(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var (crashAt, lost) = (0, 0)
    while true {
      let disk = SimulatedDisk(crashAt: crashAt)
      let (store, ordered) = try open(disk)
      for number in 0..<40 { try store.put("", for: "key-\(number)", durability: .relaxed) }
      // What comes from here on can be lost.
      try store.sync()
      try ordered.keep(in: store.viewFiles) { () throws(StoreError) in
        for number in 0..<5 {
          try store.put([UInt8](repeating: 1, count: 3000), for: "new-\(number)", durability: .relaxed)
          try store.remove("key-\(number)", durability: .relaxed)
        }
      }
      try store.put("", for: "last", durability: .relaxed)
      if disk.calls <= crashAt { break }
      crashAt += 1
      let images = (0..<8).map { $0 == 0 ? disk.crashed() : disk.crashed().afterPowerFailure(&random) }
      for image in images {
        let (again, ordered) = try open(SimulatedDisk(image))
        let keys = try again.contents().keys.sorted { $0.isBefore($1) }
        if keys.count < 41 { lost += 1 }
        let (found, count) = (try again.keys(), try again.count(in: .all))
        #expect(found == keys && count == keys.count, "seed \(seed), call \(crashAt - 1)")
        #expect(ordered.progress == 1)
        try again.close()
      }
      try store.close()
    }
    #expect(crashAt > 10 && lost > 10)
  }
}
