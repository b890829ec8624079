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
  private var options: Store.Options {
    var options = Store.Options()
    options.hasThreads = false
    options.compaction.isAutomatic = false
    return options
  }

  @Test(arguments: [false, true]) func writesWithinACheckpoint(isCompacted: Bool) throws {
    let disk = SimulatedDisk()
    let store = try Store.open(at: "disk/store", options: options, on: disk)
    for number in 0..<10 { try store.put("old", for: "\(number)") }
    let writes = Atomic(0)
    disk.interrupt { path in
      // The file is made, then the shards are written to it, which have been copied by then.
      guard path.contains(CheckpointHeader.name), writes.add(1, ordering: .relaxed).newValue == 2 else { return }
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
