internal import Cairn
internal import CairnTestSupport

/// What a ``Worker`` has left behind when it ended, however it did.
struct Aftermath {
  private(set) var prospect: Prospect
  let folder: String
  /// The last steps that are said to have made a backup, and a frozen store: how many had been done before.
  private var copied: (backup: Int?, frozen: Int?)
  /// Whether somebody has opened the store, so that there is one.
  private var isThere: Bool
  /// What was put into it to see whether it can be written to, last.
  private var probe: [UInt8]?
  private var probes = 0

  /// - Parameter prospect: a worker has come so far, and nothing has failed.
  init(_ prospect: Prospect, folder: String) {
    self.prospect = prospect
    self.folder = folder
    isThere = prospect.last.done > 0
    var work = Work(seed: prospect.last.seed)
    while work.done < prospect.last.done {
      noteCopy(by: work)
      work.goOn()
    }
  }

  private mutating func noteCopy(by work: Work) {
    if work.next == .backup { copied.backup = work.done }
    if work.next == .freeze { copied.frozen = work.done }
  }

  /// Goes by what the worker has said, then opens what there is. What is wrong; `nil`: nothing.
  ///
  /// - Parameter seen: by a follower that has looked last when the worker had ended.
  mutating func objection(to lines: [String], isWriting: Bool = true, seen: Follower.Report? = nil) -> String? {
    if let objection = follow(lines) { return objection }
    // That may have been begun.
    prospect.begin()
    if let seen, isThere || seen.done != nil, let objection = prospect.objection(to: seen) {
      return objection
    }
    do throws(StoreError) {
      if let objection = try look(isWriting) { return objection }
      isThere = true
    } catch {
      // Killed before there was a store.
      if error.code != .notFound || isThere { return "\(error)" }
      _ = prospect.find([:])
    }
    return nil
  }

  private mutating func follow(_ lines: [String]) -> String? {
    for line in lines {
      let words = line.split(separator: " ")
      guard words.count == 2, let number = Int(words[1]) else { continue }
      switch words[0] {
      case "at":
        isThere = true
        prospect.begin()
        if !prospect.goOn(at: number) { return "the writer is \(line)" }
      case "done", "skipped":
        if words[0] == "done" { noteCopy(by: prospect.last) }
        prospect.finish()
        if prospect.last.done != number { return "the writer has \(line), and not \(prospect.last.done)" }
      default: break
      }
    }
    return nil
  }

  /// To what a follower has seen after all this.
  func objection(to report: Follower.Report) -> String? {
    let probe = probe.map { String(decoding: $0, as: UTF8.self) }
    if report.probe != probe { return "a follower: \(report.probe ?? "no probe") seen, \(probe ?? "none") put" }
    return prospect.objection(to: report)
  }

  /// As it is, then once more after it has been opened for writing, with something put into it that followers must see.
  private mutating func look(_ isWriting: Bool) throws(StoreError) -> String? {
    let path = folder + "/store"
    if let objection = try look(at: Store.open(at: path, options: Store.Options(.readOnly))) { return objection }
    if !isWriting { return nil }
    let store = try Store.open(at: path, options: prospect.last.options(hasThreads: true))
    probes += 1
    let value = Array("probe \(probes)".utf8)
    try store.put(value, for: Work.probe, durability: .disk)
    probe = value
    if let objection = try look(at: store) { return "opened for writing: \(objection)" }
    let temporary = ((try? Files.names(path)) ?? []).filter { $0.hasSuffix(".tmp") }
    if !temporary.isEmpty { return "left: \(temporary)" }
    return lookAtCopies()
  }

  private mutating func look(at store: Store) throws(StoreError) -> String? {
    if let damage = store.damage { return "damaged: \(damage)" }
    let contents = Result { try Work.contents(of: store) }
    try store.close()
    switch contents {
    case .success(let contents): return prospect.find(contents)
    case .failure(let error): return "\(error)"
    }
  }

  /// A backup and a frozen store are there if they were made, and of the moment that was said, or a later one.
  private func lookAtCopies() -> String? {
    let seed = prospect.last.seed
    do {
      if copied.backup != nil || Files.exists(folder + "/backup") {
        let backup = try Store.open(at: folder + "/backup", options: Store.Options(.readOnly))
        defer { try? backup.close() }
        if let damage = backup.damage { return "the backup is damaged: \(damage)" }
        var work = Work(seed: seed, done: copied.backup ?? 0)
        if try !work.goOn(to: Work.contents(of: backup)) {
          return "the backup is of no moment from \(work.done) on"
        }
      }
      if copied.frozen != nil || Files.exists(folder + "/frozen") {
        let frozen = try FrozenStore.open(folder + "/frozen")
        var contents: [[UInt8]: [UInt8]] = [:]
        try frozen.forEach { entry in
          contents[unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }] =
            unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
          return true
        }
        contents[Work.probe] = nil
        var work = Work(seed: seed, done: copied.frozen ?? 0)
        if !work.goOn(to: contents) { return "the frozen store is of no moment from \(work.done) on" }
      }
    } catch { return "a copy: \(error)" }
    return nil
  }
}
