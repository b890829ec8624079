internal import CairnTestSupport
internal import Synchronization

/// Random numbers for a store: the kernel's, but while a step is carried out that makes a copy. What decides the copy's
/// name until it is whole follows from the ``Work`` then, so that whoever does it again makes the same calls.
final class RandomNumbers: Sendable {
  private let ofStep = Mutex<SeededRandom?>(nil)

  func next() -> UInt64 { ofStep.withLock { $0?.next() } ?? .random(in: 0...(.max)) }

  func during(_ work: Work, _ body: () throws -> Void) rethrows {
    ofStep.withLock { $0 = work.numbersOfCopy }
    defer { ofStep.withLock { $0 = nil } }
    try body()
  }
}

extension Work {
  fileprivate var numbersOfCopy: SeededRandom { SeededRandom(seed: ~seed &+ UInt64(done) &* 0x9E37_79B9) }

  /// What the copy may be called, until it is whole, that the next step makes, if it makes one: by one of the first
  /// random numbers that it needs.
  var namesOfCopy: [String] {
    let name: String
    switch next {
    case .backup: name = "backup"
    case .freeze: name = "frozen"
    default: return []
    }
    var random = numbersOfCopy
    return (0..<4).map { _ in
      let digits = String(random.next(), radix: 16)
      return name + "." + String(repeating: "0", count: 16 - digits.count) + digits + ".tmp"
    }
  }
}
