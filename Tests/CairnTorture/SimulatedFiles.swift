internal import Cairn

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
        .map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) }.sorted()
    }
  }

  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    let number = try disk.change(takesRoom: true) { content, next -> Int? in
      guard content.names[prefix + name] == nil else { return nil }
      next += 1
      content.inodes[next] = SimulatedDisk.Inode()
      content.apply(.add(prefix + name, next), in: prefix)
      return next
    }
    guard let number else { throw StoreError(.system, "the file exists", file: name) }
    disk.hasChanged(path + "/" + name)
    return SimulatedFile(disk, number, path + "/" + name)
  }

  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    disk.look { $0.names[prefix + name] }.map { SimulatedFile(disk, $0, path + "/" + name) }
  }

  func rename(_ name: String, to newName: String) throws(StoreError) {
    let isDone = try disk.change { content, _ in
      let (from, to) = (prefix + name, prefix + newName)
      if let number = content.names[from] {
        content.apply(.rename(from, to: to, number), in: prefix)
      } else if let number = content.names[from + "/"] {
        if let there = content.prefix(newName), content.names.keys.contains(where: { $0.hasPrefix(there) }) {
          return false
        }
        content.apply(.rename(from + "/", to: to + "/", number), in: prefix)
      } else {
        return false
      }
      return true
    }
    if !isDone { throw StoreError(.system, "there is no such name, or a directory that is not empty", file: newName) }
  }

  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool {
    if !disk.canExchange { return false }
    let isDone = try disk.change { content, _ in
      let (one, two) = (prefix + name + "/", prefix + other + "/")
      guard content.names[one] != nil, content.names[two] != nil else { return false }
      content.apply(.exchange(one, two), in: prefix)
      return true
    }
    if !isDone { throw StoreError(.notFound, "there are no two directories to be exchanged", file: name) }
    return true
  }

  func unlink(_ name: String) throws(StoreError) {
    try disk.change { content, _ in
      if content.names[prefix + name] != nil { content.apply(.remove(prefix + name), in: prefix) }
    }
  }

  func removeDirectory(_ name: String) throws(StoreError) {
    let isDone = try disk.change { content, _ in
      guard let there = content.prefix(name) else { return true }
      if content.names.keys.contains(where: { $0.hasPrefix(there) }) { return false }
      content.apply(.remove(name + "/"), in: prefix)
      return true
    }
    if !isDone { throw StoreError(.system, "the directory is not empty", file: name) }
  }

  func link(_ name: String, as newName: String) throws(StoreError) {
    let isDone = try disk.change { content, _ in
      guard let from = content.resolve(name, in: prefix), let to = content.resolve(newName, in: prefix),
        let number = content.names[from.name], content.names[to.name] == nil
      else { return false }
      content.apply(.add(to.name, number), in: to.directory)
      return true
    }
    if !isDone { throw StoreError(.system, "there is no such file, or already one", file: newName) }
  }

  func sync() throws(StoreError) {
    try disk.change { content, _ in
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
    return SimulatedFile(disk, number, path + "/" + name, isAnonymous: true) { $0.locked.remove(number) }
  }

  func close() {}
}

final class SimulatedFile: File {
  let path: String
  private let disk: SimulatedDisk
  private let number: Int
  /// Zeros are written in place of what is given: the name of the process is another one every time.
  private let isAnonymous: Bool
  private let onEnd: (@Sendable (inout SimulatedDisk.Content) -> Void)?

  init(
    _ disk: SimulatedDisk, _ number: Int, _ path: String, isAnonymous: Bool = false,
    onEnd: (@Sendable (inout SimulatedDisk.Content) -> Void)? = nil
  ) {
    self.disk = disk
    self.number = number
    self.path = path
    self.isAnonymous = isAnonymous
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
    let copy = isAnonymous ? [UInt8](repeating: 0, count: bytes.count) : bytes.array()
    try disk.change(onFailure: { content, _ in
      content.inodes[number]!.write(Array(copy.prefix(copy.count / 2)), at: offset)
    }) { content, _ in
      content.inodes[number]!.write(copy, at: offset)
    }
    disk.hasChanged(path)
  }

  func reserve(_ start: Int, upTo end: Int) throws(StoreError) {
    try disk.change(takesRoom: true) { content, _ in
      if content.inodes[number]!.content.count < end { content.inodes[number]!.resize(to: end) }
    }
  }

  func truncate(to byteCount: Int) throws(StoreError) {
    try disk.change { content, _ in content.inodes[number]!.resize(to: byteCount) }
  }

  func sync() throws(StoreError) {
    try disk.change(onFailure: { $0.inodes[number]!.failToSync($1) }) { content, _ in content.inodes[number]!.sync() }
  }

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
