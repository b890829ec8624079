import Cairn
import CairnTestSupport
import Testing

@testable import CairnAttributes

/// Goal: each string has its number as long as it is there; numbers and memory are given back; the heap of deadlines
/// knows who is next.
/// Method: random operations against dictionaries.
@Suite struct ByteTableTests {
  @Test(arguments: SeededRandom.seeds(3)) func strings(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = ByteTable()
    var (model, most): ([[UInt8]: UInt32], Int) = ([:], 0)
    for phase in [90, 30, 70, 5] {
      for _ in 0..<8000 {
        let key = random.bytes(random.percent(2) ? random.below(3000) : 1 + random.below(3)).map { $0 % 40 }
        let number = key.withBytes { table.find(Bytes($0)) }
        #expect(number == model[key], "seed \(seed)")
        if random.percent(phase) {
          let (number, isNew) = key.withBytes { table.insert(Bytes($0)) }
          #expect(isNew == (model[key] == nil) && (isNew || model[key] == number), "seed \(seed)")
          model[key] = number
          most = max(most, model.count)
        } else if let number {
          table.remove(number)
          model[key] = nil
        }
      }
      #expect(table.count == model.count && Set(model.values).count == model.count)
      for (key, number) in model { #expect(table.contains(number) && table.bytes(number).array() == key) }
      // Numbers of those that are gone are given away first.
      #expect(table.limit <= most)
    }
    for number in model.values { table.remove(number) }
    #expect(table.count == 0)
    let (number, isNew) = [1, 2, 3].withBytes { table.insert(Bytes($0)) }
    #expect(number == 0 && isNew)
  }

  /// What is removed is given back, and each probe is short.
  @Test func memory() {
    var table = ByteTable()
    for number in 0..<50_000 {
      _ = Array("key:\(number)".utf8).withBytes { table.insert(Bytes($0)) }
    }
    let full = table.memoryByteCount
    // The string and what rounds it up, a place, and slots: four fifths full at most, and a third empty at least never.
    #expect(full < 50_000 * (12 + 3 + 5 + 14))
    for number in 0..<49_900 { table.remove(UInt32(number)) }
    #expect(table.memoryByteCount < full - 50_000 * 10)
    for number in 49_900..<50_000 {
      #expect(Array("key:\(number)".utf8).withBytes { table.find(Bytes($0)) } == UInt32(number))
    }
  }

  @Test(arguments: SeededRandom.seeds(3)) func deadlines(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var heap = DeadlineHeap()
    var model: [UInt32: Int64] = [:]
    for _ in 0..<5000 {
      let document = UInt32(random.below(300))
      let deadline: Int64? = random.percent(70) ? Int64(random.below(1000)) : nil
      heap.set(document, deadline)
      model[document] = deadline
      let first = heap.first
      #expect(first?.deadline == model.values.min() && heap.count == model.count, "seed \(seed)")
      if let first { #expect(model[first.document] == first.deadline) }
      let other = UInt32(random.below(400))
      #expect(heap.deadline(other) == model[other])
    }
  }
}
