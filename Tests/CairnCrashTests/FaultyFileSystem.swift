import Foundation
import Synchronization

@testable import Cairn

/// The machine's file system, but for one kind of call that fails: from the n-th one on, once or for ever.
struct FaultyFileSystem: FileSystem {
  enum Call: String, CaseIterable, Sendable {
    case read, write, sync, reserve, truncate, create, rename, unlink, link, syncDirectory, map
  }

  /// Which call fails, counted from the moment it is set.
  final class Fault: Sendable {
    private struct State {
      var call: Call?
      var after = 0
      var isForEver = false
      var code = StoreError.Code.system
      var failed = 0
      var callsAfterFailure = 0
    }
    private let state = Mutex(State())
    let canExchange = Mutex(true)
    /// Called before records are written, by the thread that writes them.
    let beforeRecords = Mutex<(@Sendable () -> Void)?>(nil)

    /// - Parameter code: what it says; of reserving always that there is no room.
    func set(_ call: Call, after: Int, isForEver: Bool, code: StoreError.Code = .system) {
      state.withLock { $0 = State(call: call, after: after, isForEver: isForEver, code: code) }
    }

    func clear() { state.withLock { $0 = State() } }

    var failed: Int { state.withLock { $0.failed } }
    /// Calls of that kind for the same file after the first that failed.
    var callsAfterFailure: Int { state.withLock { $0.callsAfterFailure } }

    func check(_ call: Call, _ path: String) throws(StoreError) {
      let code = state.withLock { state -> StoreError.Code? in
        guard state.call == call else { return nil }
        if state.failed > 0 && path.hasSuffix(".log") { state.callsAfterFailure += 1 }
        if state.after > 0 {
          state.after -= 1
          return nil
        }
        if state.failed > 0 && !state.isForEver { return nil }
        state.failed += 1
        return call == .reserve ? .noSpace : state.code
      }
      if let code { throw StoreError(code, "\(call) was made to fail", file: path, systemError: 5) }
    }
  }

  let fault: Fault

  func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Cairn.Directory {
    if permissions != nil && path.hasSuffix(".tmp") { try fault.check(.create, path) }
    return FaultyDirectory(try PosixFileSystem().openDirectory(path, creating: permissions), fault)
  }
}

final class FaultyDirectory: Directory {
  private let real: any Directory
  private let fault: FaultyFileSystem.Fault

  init(_ real: any Directory, _ fault: FaultyFileSystem.Fault) {
    self.real = real
    self.fault = fault
  }

  var path: String { real.path }
  var location: String { real.location }
  func names() throws(StoreError) -> [String] { try real.names() }
  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File {
    try fault.check(.create, name)
    return FaultyFile(try real.create(name, permissions: permissions), fault)
  }
  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)? {
    try real.open(name, forWriting: forWriting).map { FaultyFile($0, fault) }
  }
  func rename(_ name: String, to newName: String) throws(StoreError) {
    try fault.check(.rename, newName)
    try real.rename(name, to: newName)
  }
  func unlink(_ name: String) throws(StoreError) {
    try fault.check(.unlink, name)
    try real.unlink(name)
  }
  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool {
    try fault.check(.rename, other)
    if !fault.canExchange.withLock({ $0 }) { return false }
    return try real.exchange(name, other)
  }
  func removeDirectory(_ name: String) throws(StoreError) {
    try fault.check(.unlink, name)
    try real.removeDirectory(name)
  }
  func link(_ name: String, as newName: String) throws(StoreError) {
    try fault.check(.link, newName)
    try real.link(name, as: newName)
  }
  func sync() throws(StoreError) {
    try fault.check(.syncDirectory, path)
    try real.sync()
  }
  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)? {
    try real.lock(name, permissions: permissions)
  }
  func close() { real.close() }
}

final class FaultyFile: File {
  private let real: any File
  private let fault: FaultyFileSystem.Fault

  init(_ real: any File, _ fault: FaultyFileSystem.Fault) {
    self.real = real
    self.fault = fault
  }

  var path: String { real.path }
  func byteCount() throws(StoreError) -> Int { try real.byteCount() }
  func read(into target: MemoryView, at offset: Int) throws(StoreError) -> Int {
    try fault.check(.read, path)
    return try real.read(into: target, at: offset)
  }
  func write(_ bytes: MemoryView, at offset: Int) throws(StoreError) {
    if offset >= SegmentHeader.recordsStart { fault.beforeRecords.withLock { $0 }?() }
    do throws(StoreError) {
      try fault.check(.write, path)
    } catch {
      // A part of it reaches the file, as on a disk that fills up.
      try real.write(bytes.slice(0, bytes.count / 2), at: offset)
      throw error
    }
    try real.write(bytes, at: offset)
  }
  func reserve(_ start: Int, upTo end: Int) throws(StoreError) {
    try fault.check(.reserve, path)
    try real.reserve(start, upTo: end)
  }
  func truncate(to byteCount: Int) throws(StoreError) {
    try fault.check(.truncate, path)
    try real.truncate(to: byteCount)
  }
  func sync() throws(StoreError) {
    try fault.check(.sync, path)
    try real.sync()
  }
  func map(byteCount: Int, writable: Bool) throws(StoreError) -> Mapping {
    try fault.check(.map, path)
    return try real.map(byteCount: byteCount, writable: writable)
  }
  func mapShared(byteCount: Int) throws(StoreError) -> Mapping {
    try fault.check(.map, path)
    return try real.mapShared(byteCount: byteCount)
  }
  func mapForAppending(byteCount: Int, capacity: Int) throws(StoreError) -> Mapping {
    try real.mapForAppending(byteCount: byteCount, capacity: capacity)
  }
  func close() throws(StoreError) { try real.close() }
}
