internal import CCairn
internal import Synchronization

/// Words that threads write without waiting for each other: as many parts as there may be threads at the same time,
/// each on cache lines of its own. More threads than parts share them.
@safe
final class Stripes: @unchecked Sendable {  // Words are only accessed atomically.
  static let count = 16
  private static let lineWords = 16

  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let stride: Int

  /// - Parameter count: words of each part; zero at first.
  init(words count: Int) {
    stride = (count + Self.lineWords - 1) / Self.lineWords * Self.lineWords
    let byteCount = stride * Self.count * MemoryLayout<Atomic<UInt64>>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: Self.lineWords * 8)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    // SAFETY: `Atomic<UInt64>` has the layout of its value, and zero is a valid one.
    unsafe words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: stride * Self.count)
  }

  deinit { unsafe UnsafeMutableRawPointer(words).deallocate() }

  /// The part of the calling thread.
  @inline(__always)
  static var ofThread: Int { unsafe Int(cairn_reader_current().pointee.number) % count }

  @inline(__always)
  private func word(_ stripe: Int, _ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(stripe >= 0 && stripe < Self.count && index >= 0 && index < stride, "word outside of its part")
    return unsafe words + (stripe * stride + index)
  }

  @inline(__always)
  func load(_ stripe: Int, _ index: Int) -> UInt64 {
    unsafe word(stripe, index).pointee.load(ordering: .relaxed)
  }

  @inline(__always)
  func store(_ value: UInt64, _ stripe: Int, _ index: Int) {
    unsafe word(stripe, index).pointee.store(value, ordering: .relaxed)
  }

  @inline(__always)
  func add(_ difference: Int, _ stripe: Int, _ index: Int) {
    unsafe word(stripe, index).pointee.wrappingAdd(UInt64(bitPattern: Int64(difference)), ordering: .relaxed)
  }

  /// The sum of a word over all parts.
  func sum(_ index: Int) -> Int {
    (0..<Self.count).reduce(0) { $0 &+ Int(bitPattern: UInt(load($1, index))) }
  }
}

enum Pause {
  /// Some 50 µs, for others.
  static func briefly() {
    var word: UInt32 = 0
    unsafe cairn_futex_wait(&word, 0, 50_000)
  }
}
