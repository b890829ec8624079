import CairnTestSupport
import CairnTorture
import Synchronization
import Testing

@testable import Cairn

/// F1-CHK-004, F1-CHK-006.
/// Goal: what others do while a checkpoint is written is there, and counted, when the store is opened with it.
/// Method: on a simulated disk they put, replace and remove between the copy of the index and the end of the
/// checkpoint. Then the process is killed: as it is, or after compaction has taken that part of the log away.
@Suite struct CheckpointWindowTests {
  private func options(copiedAtOnce: Int) -> Store.Options {
    var options = Store.Options()
    options.copiedAtOnce = copiedAtOnce
    options.hasThreads = false
    options.compaction.isAutomatic = false
    return options
  }

  /// - Parameter writes: after so many of the checkpoint's; the first makes its file. Where each shard is copied by
  ///   itself, those that are copied later have what others do.
  @Test(arguments: [false, true], [(2, 256 << 10), (2, 1), (4, 1), (9, 1)])
  func writesWithinACheckpoint(isCompacted: Bool, when: (writes: Int, copiedAtOnce: Int)) throws {
    let disk = SimulatedDisk()
    let options = options(copiedAtOnce: when.copiedAtOnce)
    let store = try Store.open(at: "disk/store", options: options, on: disk)
    for number in 0..<10 { try store.put("old", for: "\(number)") }
    let writes = Atomic(0)
    disk.interrupt { path in
      guard path.contains(CheckpointHeader.name), writes.add(1, ordering: .relaxed).newValue == when.writes
      else { return }
      do {
        for number in 10..<13 { try store.put("new", for: "\(number)") }
        try store.put("newer", for: "0")
        try store.remove("1")
        try store.remove("2")
      } catch { Issue.record("\(error)") }
    }
    try store.writeCheckpoint()
    disk.interrupt(nil)
    #expect(store.engine.log.checkpointSequence == 10 && store.lastSequence == 16)
    if isCompacted {
      // Dead, and alone with what was put before.
      for number in 10..<13 { try store.put("newest", for: "\(number)") }
      try store.beginSegment()
      try store.put("another", for: "another")
      _ = try store.engine.compactRound { _ in [1] }
    }
    let expected = try store.contents()
    let statistics = store.statistics
    let opened = try Store.open(at: "disk/store", options: options, on: SimulatedDisk(disk.crashed()))
    #expect(try opened.contents() == expected)
    #expect(opened.statistics.liveEntries == statistics.liveEntries && statistics.liveEntries == expected.count)
    try opened.close()
    try store.close()
  }
}
