package import Cairn

/// How far a view has been made from the entries of its store, while commits go on telling it of changes: part of what
/// it holds under its lock.
package struct ViewMaking: Sendable {
  /// While it is made from the store: keys that were removed meanwhile, and must not come with it. While it is made
  /// from a file and the changes since: keys that were put, too, of which commits know better.
  private var changed: Set<[UInt8]>?
  /// Of keys that were invalidated meanwhile: what has been put since has come by commits.
  private var gonePrefixes: [[UInt8]] = []
  /// It is made of something that has to be completed by the changes since.
  package private(set) var isMadeOfFile = false
  private var isMade = false
  /// How often everything was to be read anew, by who asks next; which of these has been tried.
  private var (wanted, made) = (0, 0)
  /// Which of these is under way.
  package private(set) var begun = 0
  private var failure: StoreError?

  package init() {}

  /// Everything is to be read anew.
  package var isStale: Bool { wanted != made }
  /// What is being made is not what is wanted any more.
  package var isInVain: Bool { wanted != begun }
  /// It is being made.
  package var isUnderWay: Bool { changed != nil }
  package var isReady: Bool { isMade && !isStale }

  package mutating func ask() {
    isMade = false
    wanted += 1
  }

  package mutating func begin() {
    (changed, gonePrefixes) = ([], [])
    (isMade, isMadeOfFile, failure, begun) = (false, false, nil, wanted)
  }

  /// It has been taken from a file.
  ///
  /// - Parameter isWhole: nothing has changed since.
  package mutating func beginWithFile(isWhole: Bool) {
    begin()
    (isMade, isMadeOfFile) = (isWhole, !isWhole)
    if isWhole { changed = nil }
  }

  package mutating func finish() {
    (changed, made, isMade, isMadeOfFile) = (nil, begun, true, false)
  }

  package mutating func fail(_ error: StoreError) { (failure, changed, made) = (error, nil, begun) }

  // MARK: What commits tell

  package mutating func notePut(_ key: RawSpan) {
    if changed == nil || !isMadeOfFile && changed?.isEmpty == true { return }
    let key = [UInt8](copying: key)
    if isMadeOfFile { changed?.insert(key) } else { changed?.remove(key) }
  }

  package mutating func noteRemoved(_ key: RawSpan) {
    if changed != nil { changed?.insert([UInt8](copying: key)) }
  }

  package mutating func noteInvalidated(_ prefix: RawSpan) {
    if changed == nil { return }
    let prefix = [UInt8](copying: prefix)
    gonePrefixes.removeAll { $0.starts(with: prefix) }
    if !gonePrefixes.contains(where: { prefix.starts(with: $0) }) { gonePrefixes.append(prefix) }
  }

  /// Whether commits have told nothing of a key that was found in the store, or in the changes.
  package func isMissing(_ key: [UInt8]) -> Bool {
    changed?.contains(key) == false && !gonePrefixes.contains { key.starts(with: $0) }
  }

  package func isMissing(_ key: RawSpan) -> Bool { changed == nil ? false : isMissing([UInt8](copying: key)) }

  /// - Parameters:
  ///   - what: it is that is being read, for the error.
  ///   - isDamaged: what was made has turned out not to be right.
  /// - Throws: `.notReady`; why it could not be made.
  package func checkReady(_ what: String, isDamaged: Bool = false) throws(StoreError) {
    if let failure { throw failure }
    if !isReady || isDamaged { throw StoreError(.notReady, "\(what) are being read: wait until they are ready") }
  }
}
