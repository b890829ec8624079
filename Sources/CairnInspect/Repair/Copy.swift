package import Cairn

/// A copy of a store as it is at one moment, also while a writer has it open: byte for byte, with all versions.
package struct Copy {
  package private(set) var bytes = 0
  package let lastSequence: UInt64
  /// Why there is no checkpoint of the index in the copy, if there is a damaged one in the store.
  package private(set) var leftOut: Finding?
  private let store: StoreDirectory
  private let target: any Directory

  private static let pieceBytes = 1 << 20
  private static let filePermissions: UInt32 = 0o600
  private static let directoryPermissions: UInt32 = 0o700

  /// Verifies the log while it finds out where it ends, and copies it up to there; the index's checkpoint too, if it
  /// fits. Everything is on the disk when this returns.
  ///
  /// - Parameter path: of a directory that does not exist. Whoever calls removes it if this throws.
  /// - Throws: `.damaged` if the store is: `Repair` is for that.
  package init(
    of store: StoreDirectory, to path: String, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    self.store = store
    // The checkpoint first: what it covers is in the log.
    let newest = try CheckpointFile.load(store).file
    var walk = try LogWalk(store, depth: .records, checkpoint: newest, visitor: NoVisitor())
    walk.progress = progress
    try walk.run()
    // What does not fit any more has been left out.
    var checkpoint = walk.checkpoint
    let findings = walk.report.findings
    if let finding = findings.first(.damaged) ?? findings.first(.notUnderstood) { throw finding.error }
    if let file = checkpoint {
      var check = CheckpointCheck(file, walk.list, keepsEntries: false)
      try check.load(recordsMax: walk.report.records)
      leftOut = check.findings.all.first
      if leftOut != nil { checkpoint = nil }
    }
    lastSequence = walk.report.lastSequence
    target = try PosixFileSystem().openDirectory(path, creating: Self.directoryPermissions)
    // Of segments that are not in use yet, the header: a seal may say that one is there.
    let segments = walk.report.segments.map { (number: $0.number, end: max($0.end, SegmentHeader.recordsStart)) }
    let gone = walk.report.gone.flatMap { $0.ranges.isEmpty ? nil : $0 }
    let total = segments.reduce(0) { $0 &+ $1.end } &+ (checkpoint?.window.byteCount ?? 0)
    for segment in segments {
      let name = SegmentHeader.name(segment.number)
      guard let file = try store.openSegment(segment.number) else {
        throw try store.missing(segment.number)
      }
      try copy(file, name, segment.end, total, progress)
    }
    // As it was when the log was read: a newer one would name segments that this copy is made of.
    if let gone { try write(gone) }
    if let checkpoint {
      try copy(checkpoint.window.file, CheckpointHeader.name, checkpoint.window.byteCount, total, progress)
    }
    guard let header = try store.directory.open(StoreHeader.name, forWriting: false) else {
      throw StoreError.damaged("the file \(StoreHeader.name) is missing", file: store.path)
    }
    // Last: the store is there from the moment that this file is.
    try copy(header, StoreHeader.name, StoreHeader.byteCount, total, progress)
    try target.sync()
    target.close()
  }

  private mutating func write(_ gone: GoneSegments) throws(StoreError) {
    let file = try target.create(GoneSegments.name, permissions: Self.filePermissions)
    let memory = try System.allocate(byteCount: gone.byteCount)
    let view = memory.view.slice(0, gone.byteCount)
    gone.encode(into: view)
    try file.reserve(0, upTo: gone.byteCount)
    try file.write(view, at: 0)
    try file.sync()
    try file.close()
    bytes += gone.byteCount
  }

  private mutating func copy(
    _ file: any File, _ name: String, _ byteCount: Int, _ total: Int, _ progress: (any ProgressListener)?
  ) throws(StoreError) {
    let copy = try target.create(name, permissions: Self.filePermissions)
    let piece = try System.allocate(byteCount: Self.pieceBytes)
    var at = 0
    while at < byteCount {
      try progress?.advance(to: bytes, of: total)
      let view = piece.view.slice(0, min(Self.pieceBytes, byteCount - at))
      guard try file.read(into: view, at: at) == view.count else {
        throw StoreError.damaged("the file has become shorter while it was copied", file: file.path, at: at)
      }
      try copy.reserve(at, upTo: at + view.count)
      try copy.write(view, at: at)
      at += view.count
      bytes += view.count
    }
    try copy.sync()
    try copy.close()
  }
}
