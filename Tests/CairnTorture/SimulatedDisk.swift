package import Cairn
internal import CairnTestSupport
internal import Synchronization

/// A directory in memory, with directories in it, that remembers what a disk would have kept: the engine runs on it as
/// on a real one, and at any call the state can be taken as a killed process leaves it, or as a power failure might.
///
/// What a power failure leaves (P1–P4 of the usual model): of each page written since the last sync of its file the old
/// content, any later one, or a mixture of 512-byte sectors, garbage only beyond the synced size; any size between the
/// synced and the last one; each creation, rename and unlink since the last sync of the directory or not, each for
/// itself, renames whole. A sync of a file that failed has written some pages, and none that follows makes up for the
/// others.
///
/// The path before the first slash is that of the directory. Names in the directories within stand in one list with its
/// own, as `#NUMBER/name`; a directory is the name `name/` with that number, whatever it is called meanwhile.
package final class SimulatedDisk: FileSystem {
  package static let pageBytes = 4096
  package static let sectorBytes = 512
  static let sectorsPerPage = pageBytes / sectorBytes

  package struct Inode: Sendable {
    package var content: [UInt8] = []
    package var synced: [UInt8] = []
    /// What pages that were written since the last sync have held, the newest last.
    var versions: [Int: [[UInt8]]] = [:]

    package init(content: [UInt8] = [], synced: [UInt8] = []) {
      self.content = content
      self.synced = synced
    }
  }

  package enum NameChange: Sendable {
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

  package struct Content: Sendable {
    package var inodes: [Int: Inode] = [:]
    package var names: [String: Int] = [:]
    package var syncedNames: [String: Int] = [:]
    package var changes: [(directory: String, change: NameChange)] = []
    var exists = false
    var locked: Set<Int> = []

    package init() {}

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
    var failure: Failure?
    var failures = 0
    var onCall: (@Sendable (Content) -> Void)?
    var onFile: (@Sendable (String) -> Void)?
  }

  /// Which calls that change something fail.
  package struct Failure: Sendable {
    package var call: Int
    package var isForEver: Bool
    /// What is wrong with the disk.
    package enum Kind: Sendable, CaseIterable {
      /// Something, whatever it is asked for.
      case broken
      /// It says that there is no room, whatever it is asked for.
      case confused
      /// There is no room for what takes some: files, and space for them.
      case full
    }
    package var kind: Kind
    /// Which pages a sync that fails has lost: 0: those with odd numbers, 1: those with even ones, otherwise any.
    package var loss: UInt64

    package init(call: Int, isForEver: Bool = false, kind: Kind = .broken, loss: UInt64 = 0) {
      self.call = call
      self.isForEver = isForEver
      self.kind = kind
      self.loss = loss
    }

    func loses(_ page: Int) -> Bool {
      if loss < 2 { return page % 2 != Int(loss) }
      var random = SeededRandom(seed: loss &+ UInt64(page))
      return random.percent(50)
    }

    /// - Parameter before: how many calls have failed.
    func meets(_ call: Int, takesRoom: Bool, before: Int) -> Bool {
      if kind == .full { return takesRoom && call >= self.call && before < (isForEver ? Self.fullMax : 1) }
      return isForEver ? call >= self.call : call == self.call
    }

    /// Then somebody has made room.
    private static let fullMax = 10
  }

  private let state: Mutex<State>
  /// Called when the crash point is reached, before anything more happens.
  private let onCrash: @Sendable () -> Void

  /// Whether names can be exchanged.
  package let canExchange: Bool

  /// - Parameter crashAt: the number of the call that changes something before which the state is kept.
  package init(
    _ content: Content = Content(), crashAt: Int? = nil, canExchange: Bool = true, failure: Failure? = nil,
    onCrash: @escaping @Sendable () -> Void = {}
  ) {
    self.canExchange = canExchange
    var content = content
    content.locked = []
    state = Mutex(
      State(
        content: content, nextInode: max(content.inodes.keys.max() ?? 0, content.names.values.max() ?? 0) + 1,
        crashAt: crashAt, failure: failure))
    self.onCrash = onCrash
  }

  /// Has something called before each call that changes something, with what there is at that moment.
  package func record(_ onCall: @escaping @Sendable (Content) -> Void) { state.withLock { $0.onCall = onCall } }

  /// Has something called after each file that is made and each write to one, with its path. It may use the disk.
  package func interrupt(_ onFile: (@Sendable (String) -> Void)?) { state.withLock { $0.onFile = onFile } }

  func hasChanged(_ path: String) {
    let onFile = state.withLock { $0.onFile }
    onFile?(path)
  }

  /// The state at the crash point, or now if that has not been reached.
  package func crashed() -> Content { state.withLock { $0.crashed ?? $0.content } }

  package var calls: Int { state.withLock { $0.calls } }

  /// Whether calls of it fail, or are going to.
  var isFaulty: Bool { state.withLock { $0.failure != nil } }

  /// How many calls have failed.
  var failures: Int { state.withLock { $0.failures } }

  /// Carries out a call that changes something.
  /// - Parameter onFailure: what it does where it fails.
  func change<R>(
    takesRoom: Bool = false, onFailure: (inout Content, Failure) -> Void = { _, _ in },
    _ body: (inout Content, inout Int) -> R
  ) throws(StoreError) -> R {
    let result: R? = state.withLock { state in
      state.onCall?(state.content)
      if state.calls == state.crashAt {
        state.crashed = state.content
        onCrash()
      }
      state.calls += 1
      if let failure = state.failure,
        failure.meets(state.calls - 1, takesRoom: takesRoom, before: state.failures)
      {
        state.failures += 1
        onFailure(&state.content, failure)
        return nil
      }
      return body(&state.content, &state.nextInode)
    }
    guard let result else {
      let isBroken = state.withLock { $0.failure?.kind == .broken }
      throw StoreError(isBroken ? .system : .noSpace, "the simulated disk has failed", file: nil)
    }
    return result
  }

  func look<Result>(_ body: (inout Content) -> Result) -> Result { state.withLock { body(&$0.content) } }

  package func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Directory {
    let name = path.split(separator: "/").dropFirst().joined(separator: "/")
    if permissions != nil && !name.isEmpty && look({ $0.prefix(name) }) == nil {
      try change { content, next in
        next += 1
        content.apply(.add(name + "/", next), in: "")
      }
    }
    let prefix = look { content in
      content.exists = content.exists || permissions != nil
      return content.exists ? content.prefix(name) : nil
    }
    guard let prefix else { throw StoreError(.notFound, "no directory", file: path) }
    let directory = SimulatedDirectory(self, path, prefix)
    // As on a real disk: who made it may not have come to that.
    if permissions != nil && !name.isEmpty, try directory.names().isEmpty {
      try SimulatedDirectory(self, path, "").sync()
    }
    return directory
  }
}

extension SimulatedDisk.Inode {
  mutating func write(_ bytes: [UInt8], at offset: Int) {
    let end = offset + bytes.count
    if content.count < end { content.appendZeros(end - content.count) }
    content.overwrite(at: offset, with: bytes)
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
      content.appendZeros(count - content.count)
    }
  }

  mutating func sync() {
    let size = content.count
    for (page, versions) in versions { SimulatedDisk.Content.replace(page, of: &synced, with: versions.last!) }
    synced = SimulatedDisk.Content.resized(synced, size)
    versions = [:]
  }

  /// Linux takes the pages for clean then: what they hold is in memory still, and no later sync writes it. Some have
  /// reached the disk before.
  mutating func failToSync(_ failure: SimulatedDisk.Failure) {
    for page in versions.keys.sorted() where !failure.loses(page) {
      SimulatedDisk.Content.replace(page, of: &synced, with: versions[page]!.last!)
    }
    versions = [:]
  }

  package static func page(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    let start = number * SimulatedDisk.pageBytes
    var page = start < content.count ? Array(content[start..<min(content.count, start + SimulatedDisk.pageBytes)]) : []
    page.appendZeros(SimulatedDisk.pageBytes - page.count)
    return page
  }
}
