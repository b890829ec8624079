import CairnTestSupport
import Synchronization

@testable import Cairn

/// A directory in memory, with directories in it, that remembers what a disk would have kept: the engine runs on it as
/// on a real one, and at any call the state can be taken as a killed process leaves it, or as a power failure might.
///
/// What a power failure leaves (P1–P4 of the usual model): of each page written since the last sync of its file the old
/// content, any later one, or a mixture of 512-byte sectors, garbage only beyond the synced size; any size between the
/// synced and the last one; each creation, rename and unlink since the last sync of the directory or not, each for
/// itself, renames whole.
///
/// The path before the first slash is that of the directory. Names in the directories within stand in one list with its
/// own, as `#NUMBER/name`; a directory is the name `name/` with that number, whatever it is called meanwhile.
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
    case exchange(String, String)
    case remove(String)

    func apply(to names: inout [String: Int]) {
      switch self {
      case .add(let name, let inode): names[name] = inode
      case .rename(let from, let to, let inode):
        names[from] = nil
        names[to] = inode
      case .exchange(let one, let other): (names[one], names[other]) = (names[other], names[one])
      case .remove(let name): names[name] = nil
      }
    }
  }

  struct Content: Sendable {
    var inodes: [Int: Inode] = [:]
    var names: [String: Int] = [:]
    var syncedNames: [String: Int] = [:]
    var changes: [(directory: String, change: NameChange)] = []
    var exists = false
    var locked: Set<Int> = []

    mutating func apply(_ change: NameChange, in directory: String) {
      change.apply(to: &names)
      changes.append((directory, change))
    }

    /// How the names in a directory begin, if there is one.
    func prefix(_ directory: String) -> String? {
      directory.isEmpty ? "" : names[directory + "/"].map { "#\($0)/" }
    }

    /// A name in the list, of a path that may lead through a directory.
    func resolve(_ path: String, in directory: String) -> (directory: String, name: String)? {
      let parts = path.split(separator: "/").map(String.init)
      if parts.count < 2 { return (directory, directory + path) }
      return prefix(parts[parts.count - 2]).map { ($0, $0 + parts[parts.count - 1]) }
    }
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

  /// Whether names can be exchanged.
  let canExchange: Bool

  /// - Parameter crashAt: the number of the call that changes something before which the state is kept.
  init(
    _ content: Content = Content(), crashAt: Int? = nil, canExchange: Bool = true,
    onCrash: @escaping @Sendable () -> Void = {}
  ) {
    self.canExchange = canExchange
    var content = content
    content.locked = []
    state = Mutex(
      State(
        content: content, nextInode: max(content.inodes.keys.max() ?? 0, content.names.values.max() ?? 0) + 1,
        crashAt: crashAt))
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
    let name = path.split(separator: "/").dropFirst().joined(separator: "/")
    if permissions != nil && !name.isEmpty && look({ $0.prefix(name) }) == nil {
      change { content, next in
        next += 1
        content.apply(.add(name + "/", next), in: "")
      }
      try SimulatedDirectory(self, path, "").sync()
    }
    let prefix = look { content in
      content.exists = content.exists || permissions != nil
      return content.exists ? content.prefix(name) : nil
    }
    guard let prefix else { throw StoreError(.notFound, "no directory", file: path) }
    return SimulatedDirectory(self, path, prefix)
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
  /// The same where the checkpoint has been lost.
  var withoutCheckpoint: Self {
    var result = self
    result.names[CheckpointHeader.name] = nil
    result.syncedNames[CheckpointHeader.name] = nil
    result.changes = []
    return result
  }

  /// What the machine may find after a power failure.
  func afterPowerFailure(_ random: inout SeededRandom) -> Self {
    var result = Self()
    result.exists = exists
    var names = syncedNames
    let (mode, pivot) = (random.below(4), random.below(max(1, changes.count)))
    for (number, change) in changes.enumerated() {
      if [false, true, number < pivot, random.percent(50)][mode] { change.change.apply(to: &names) }
    }
    let directories = Set(names.filter { $0.key.hasSuffix("/") }.values.map { "#\($0)" })
    for (name, number) in names {
      if name.hasSuffix("/") { result.names[name] = number }
      // Files of a directory that is not there are lost.
      let directory = name.split(separator: "/").first.map(String.init) ?? ""
      if name.contains("/") && !directories.contains(directory) { continue }
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
  /// Of the names in it.
  private let prefix: String

  init(_ disk: SimulatedDisk, _ path: String, _ prefix: String) {
    self.disk = disk
    self.path = path
    self.prefix = prefix
  }

  var location: String { path }

  func names() throws(StoreError) -> [String] {
    disk.look { content in
      content.names.keys.filter { prefix.isEmpty ? !$0.hasPrefix("#") : $0.hasPrefix(prefix) }
        .map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) }
    }
  }

  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    let number = disk.change { content, next -> Int? in
      guard content.names[prefix + name] == nil else { return nil }
      next += 1
      content.inodes[next] = SimulatedDisk.Inode()
      content.apply(.add(prefix + name, next), in: prefix)
      return next
    }
    guard let number else { throw StoreError(.system, "the file exists", file: name) }
    return SimulatedFile(disk, number, path + "/" + name)
  }

  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    disk.look { $0.names[prefix + name] }.map { SimulatedFile(disk, $0, path + "/" + name) }
  }

  func rename(_ name: String, to newName: String) throws(StoreError) {
    let isDone = disk.change { content, _ in
      let (from, to) = (prefix + name, prefix + newName)
      if let number = content.names[from] {
        content.apply(.rename(from, to: to, number), in: prefix)
      } else if let number = content.names[from + "/"] {
        if let there = content.prefix(newName), content.names.keys.contains(where: { $0.hasPrefix(there) }) {
          return false
        }
        content.apply(.rename(from + "/", to: to + "/", number), in: prefix)
      }
      return true
    }
    if !isDone { throw StoreError(.system, "the directory is not empty", file: newName) }
  }

  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool {
    if disk.canExchange { disk.change { content, _ in content.apply(.exchange(name + "/", other + "/"), in: prefix) } }
    return disk.canExchange
  }

  func unlink(_ name: String) throws(StoreError) {
    disk.change { content, _ in
      if content.names[prefix + name] != nil { content.apply(.remove(prefix + name), in: prefix) }
    }
  }

  func removeDirectory(_ name: String) throws(StoreError) {
    let isDone = disk.change { content, _ in
      guard let there = content.prefix(name) else { return true }
      if content.names.keys.contains(where: { $0.hasPrefix(there) }) { return false }
      content.apply(.remove(name + "/"), in: prefix)
      return true
    }
    if !isDone { throw StoreError(.system, "the directory is not empty", file: name) }
  }

  func link(_ name: String, as newName: String) throws(StoreError) {
    let isDone = disk.change { content, _ in
      guard let from = content.resolve(name, in: prefix), let to = content.resolve(newName, in: prefix),
        let number = content.names[from.name], content.names[to.name] == nil
      else { return false }
      content.apply(.add(to.name, number), in: to.directory)
      return true
    }
    if !isDone { throw StoreError(.system, "there is no such file, or already one", file: newName) }
  }

  func sync() throws(StoreError) {
    disk.change { content, _ in
      for (directory, change) in content.changes where directory == prefix {
        change.apply(to: &content.syncedNames)
      }
      content.changes.removeAll { $0.directory == prefix }
    }
  }

  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)? {
    if disk.look({ $0.names[prefix + name] }) == nil { _ = try create(name, permissions: permissions) }
    guard let number = disk.look({ $0.names[prefix + name] }) else { return nil }
    guard disk.look({ $0.locked.insert(number).inserted }) else { return nil }
    return SimulatedFile(disk, number, path + "/" + name) { $0.locked.remove(number) }
  }

  func close() {}
}

final class SimulatedFile: File {
  let path: String
  private let disk: SimulatedDisk
  private let number: Int
  private let onEnd: (@Sendable (inout SimulatedDisk.Content) -> Void)?

  init(
    _ disk: SimulatedDisk, _ number: Int, _ path: String,
    onEnd: (@Sendable (inout SimulatedDisk.Content) -> Void)? = nil
  ) {
    self.disk = disk
    self.number = number
    self.path = path
    self.onEnd = onEnd
  }

  deinit {
    if let onEnd { disk.look { onEnd(&$0) } }
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

  /// What is shared is no part of the format, and lost with the process.
  func mapShared(byteCount: Int) throws(StoreError) -> Mapping { try System.allocate(byteCount: byteCount) }

  func mapForAppending(byteCount: Int, capacity: Int) throws(StoreError) -> Mapping {
    let memory = try System.allocate(byteCount: max(capacity, 1))
    _ = try read(into: memory.view.slice(0, byteCount), at: 0)
    return memory
  }

  func close() throws(StoreError) {}
}
