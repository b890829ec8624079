import CairnTestSupport
import Synchronization

@testable import Cairn

/// One directory in memory that remembers what a disk would have kept: the engine runs on it as on a real one, and at
/// any call the state can be taken as a killed process leaves it, or as a power failure might.
///
/// What a power failure leaves (P1–P4 of the usual model): of each page written since the last sync of its file the old
/// content, any later one, or a mixture of 512-byte sectors, garbage only beyond the synced size; any size between the
/// synced and the last one; each creation, rename and unlink since the last sync of the directory or not, each for
/// itself, renames whole.
final class SimulatedDisk: FileSystem {
  static let pageBytes = 4096
  static let sectorBytes = 512

  struct Inode: Sendable {
    var content: [UInt8] = []
    var synced: [UInt8] = []
    /// What pages that were written since the last sync have held, the newest last.
    var versions: [Int: [[UInt8]]] = [:]
  }

  enum NameChange: Sendable {
    case add(String, Int)
    case rename(String, to: String, Int)
    case remove(String)

    func apply(to names: inout [String: Int]) {
      switch self {
      case .add(let name, let inode): names[name] = inode
      case .rename(let from, let to, let inode):
        names[from] = nil
        names[to] = inode
      case .remove(let name): names[name] = nil
      }
    }
  }

  struct Content: Sendable {
    var inodes: [Int: Inode] = [:]
    var names: [String: Int] = [:]
    var syncedNames: [String: Int] = [:]
    var changes: [NameChange] = []
    var exists = false
    var isLocked = false
  }

  private struct State {
    var content: Content
    var nextInode = 0
    var calls = 0
    var crashAt: Int?
    var crashed: Content?
  }

  private let state: Mutex<State>
  /// Called when the crash point is reached, before anything more happens.
  private let onCrash: @Sendable () -> Void

  /// - Parameter crashAt: the number of the call that changes something before which the state is kept.
  init(_ content: Content = Content(), crashAt: Int? = nil, onCrash: @escaping @Sendable () -> Void = {}) {
    var content = content
    content.isLocked = false
    state = Mutex(State(content: content, nextInode: (content.inodes.keys.max() ?? 0) + 1, crashAt: crashAt))
    self.onCrash = onCrash
  }

  /// The state at the crash point, or now if that has not been reached.
  func crashed() -> Content { state.withLock { $0.crashed ?? $0.content } }

  var calls: Int { state.withLock { $0.calls } }

  /// Carries out a call that changes something.
  fileprivate func change<Result>(_ body: (inout Content, inout Int) -> Result) -> Result {
    state.withLock { state in
      if state.calls == state.crashAt {
        state.crashed = state.content
        onCrash()
      }
      state.calls += 1
      return body(&state.content, &state.nextInode)
    }
  }

  fileprivate func look<Result>(_ body: (inout Content) -> Result) -> Result { state.withLock { body(&$0.content) } }

  func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Directory {
    let exists = look { content in
      content.exists = content.exists || permissions != nil
      return content.exists
    }
    if !exists { throw StoreError(.notFound, "no directory", file: path) }
    return SimulatedDirectory(self, path)
  }
}

extension SimulatedDisk.Inode {
  mutating func write(_ bytes: [UInt8], at offset: Int) {
    let end = offset + bytes.count
    if content.count < end { content.append(contentsOf: repeatElement(0, count: end - content.count)) }
    content.replaceSubrange(offset..<end, with: bytes)
    for page in offset / SimulatedDisk.pageBytes...max(offset, end - 1) / SimulatedDisk.pageBytes {
      versions[page, default: []].append(Self.page(page, content))
      if versions[page]!.count > 6 { versions[page]!.remove(at: 1) }
    }
  }

  mutating func resize(to count: Int) {
    if count < content.count {
      content.removeLast(content.count - count)
      // What is cut off reads as zeros if the file grows again.
      let page = count / SimulatedDisk.pageBytes
      versions = versions.filter { $0.key < page }
      versions[page] = [Self.page(page, content)]
    } else {
      content.append(contentsOf: repeatElement(0, count: count - content.count))
    }
  }

  mutating func sync() {
    synced = content
    versions = [:]
  }

  static func page(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    let start = number * SimulatedDisk.pageBytes
    let there = start < content.count ? Array(content[start..<min(content.count, start + SimulatedDisk.pageBytes)]) : []
    return there + repeatElement(0, count: SimulatedDisk.pageBytes - there.count)
  }

  /// What the disk may hold of it after a power failure.
  func afterPowerFailure(_ random: inout SeededRandom) -> [UInt8] {
    var image = synced
    let sizes = [
      synced.count, content.count,
      min(synced.count, content.count) + random.below(1 + abs(synced.count - content.count)),
    ]
    let size = sizes[random.below(3)]
    let pages = versions.keys.sorted()
    // Which pages have reached the disk: none, all, all but one, only one, those before or after some place, any.
    let (mode, pivot) = (random.below(7), random.below(max(1, pages.count)))
    for (number, page) in pages.enumerated() {
      let isWritten = [
        false, true, number != pivot, number == pivot, number < pivot, number >= pivot, random.percent(50),
      ][mode]
      let old = Self.page(page, image)
      var new = isWritten ? versions[page]!.last! : old
      if mode == 6 { new = ([old] + versions[page]!)[random.below(1 + versions[page]!.count)] }
      if random.percent(20) {
        for sector in 0..<SimulatedDisk.pageBytes / SimulatedDisk.sectorBytes where random.percent(50) {
          let range = sector * SimulatedDisk.sectorBytes..<(sector + 1) * SimulatedDisk.sectorBytes
          new.replaceSubrange(range, with: old[range])
        }
      }
      if page * SimulatedDisk.pageBytes >= synced.count && random.percent(3) {
        new = random.bytes(SimulatedDisk.pageBytes)
      }
      let start = page * SimulatedDisk.pageBytes
      if image.count < start + new.count {
        image.append(contentsOf: repeatElement(0, count: start + new.count - image.count))
      }
      image.replaceSubrange(start..<start + new.count, with: new)
    }
    if image.count < size { image.append(contentsOf: repeatElement(0, count: size - image.count)) }
    image.removeLast(image.count - size)
    return image
  }
}

extension SimulatedDisk.Content {
  /// What the machine may find after a power failure.
  func afterPowerFailure(_ random: inout SeededRandom) -> Self {
    var result = Self()
    result.exists = exists
    var names = syncedNames
    let (mode, pivot) = (random.below(4), random.below(max(1, changes.count)))
    for (number, change) in changes.enumerated() {
      if [false, true, number < pivot, random.percent(50)][mode] { change.apply(to: &names) }
    }
    for (name, number) in names {
      guard let inode = inodes[number] else { continue }
      let image = inode.afterPowerFailure(&random)
      result.inodes[number] = SimulatedDisk.Inode(content: image, synced: image)
      result.names[name] = number
    }
    result.syncedNames = result.names
    return result
  }
}

final class SimulatedDirectory: Directory {
  let path: String
  private let disk: SimulatedDisk

  init(_ disk: SimulatedDisk, _ path: String) {
    self.disk = disk
    self.path = path
  }

  func names() throws(StoreError) -> [String] { disk.look { Array($0.names.keys) } }

  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    let number = disk.change { content, next -> Int? in
      guard content.names[name] == nil else { return nil }
      next += 1
      content.inodes[next] = SimulatedDisk.Inode()
      content.names[name] = next
      content.changes.append(.add(name, next))
      return next
    }
    guard let number else { throw StoreError(.system, "the file exists", file: name) }
    return SimulatedFile(disk, number, path + "/" + name)
  }

  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    disk.look { $0.names[name] }.map { SimulatedFile(disk, $0, path + "/" + name) }
  }

  func rename(_ name: String, to newName: String) throws(StoreError) {
    disk.change { content, _ in
      guard let number = content.names.removeValue(forKey: name) else { return }
      content.names[newName] = number
      content.changes.append(.rename(name, to: newName, number))
    }
  }

  func unlink(_ name: String) throws(StoreError) {
    disk.change { content, _ in
      if content.names.removeValue(forKey: name) != nil { content.changes.append(.remove(name)) }
    }
  }

  func sync() throws(StoreError) {
    disk.change { content, _ in
      content.syncedNames = content.names
      content.changes = []
    }
  }

  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)? {
    let isFree = disk.look { content in
      defer { content.isLocked = true }
      return !content.isLocked
    }
    guard isFree else { return nil }
    if let file = try open(name, forWriting: true) { return file }
    return try create(name, permissions: permissions)
  }

  func close() { disk.look { $0.isLocked = false } }
}

final class SimulatedFile: File {
  let path: String
  private let disk: SimulatedDisk
  private let number: Int

  init(_ disk: SimulatedDisk, _ number: Int, _ path: String) {
    self.disk = disk
    self.number = number
    self.path = path
  }

  func byteCount() throws(StoreError) -> Int { disk.look { $0.inodes[number]!.content.count } }

  func read(into target: MemoryView, at offset: Int) throws(StoreError) -> Int {
    let bytes = disk.look { content in
      let all = content.inodes[number]!.content
      return offset < all.count ? Array(all[offset..<min(all.count, offset + target.count)]) : []
    }
    target.copy(unsafe MemoryView(bytes.span.bytes), at: 0)
    return bytes.count
  }

  func write(_ bytes: MemoryView, at offset: Int) throws(StoreError) {
    let copy = bytes.array()
    disk.change { content, _ in content.inodes[number]!.write(copy, at: offset) }
  }

  func reserve(_ start: Int, upTo end: Int) throws(StoreError) {
    disk.change { content, _ in
      if content.inodes[number]!.content.count < end { content.inodes[number]!.resize(to: end) }
    }
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    disk.change { content, _ in content.inodes[number]!.resize(to: byteCount) }
  }

  func sync() throws(StoreError) { disk.change { content, _ in content.inodes[number]!.sync() } }

  func map(byteCount: Int, writable: Bool) throws(StoreError) -> Mapping {
    try mapForAppending(byteCount: byteCount, capacity: byteCount)
  }

  func mapForAppending(byteCount: Int, capacity: Int) throws(StoreError) -> Mapping {
    let memory = try System.allocate(byteCount: max(capacity, 1))
    _ = try read(into: memory.view.slice(0, byteCount), at: 0)
    return memory
  }

  func close() throws(StoreError) {}
}
