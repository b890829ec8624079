internal import Cairn
internal import Synchronization

/// The files of the segments that were listed: a writer that takes them away meanwhile does not take what they hold.
final class HeldSegments: Sendable {
  private let files = Mutex<[UInt64: any File]>([:])

  /// A process may have 1,024 files open. Of a store with more segments the first ones are held.
  private static let filesMax = 500

  subscript(_ number: UInt64) -> (any File)? { files.withLock { $0[number] } }

  /// Holds those of these numbers that are there, and no others.
  func hold(_ numbers: [UInt64], in directory: any Directory) {
    files.withLock { $0 = [:] }
    var held: [UInt64: any File] = [:]
    for number in numbers.prefix(Self.filesMax) {
      // One that has gone will be missed when the list is read again; one that cannot be opened, when it is read.
      // Not the file that is held already: one made in advance may have been removed, and made again.
      held[number] = try? directory.open(SegmentHeader.name(number), forWriting: false)
    }
    files.withLock { $0 = held }
  }
}
