/// A key-value store in a directory: an append-only log, and a hash index to find the way in it.
///
/// ```swift
/// let store = try Store.open(at: "cache")
/// try store.put("Hello", for: "greeting")
/// let greeting = try store.withValue(for: "greeting") { $0.byteCount }   // 5
/// try store.close()
/// ```
///
/// Keys are 1 to 65,535 bytes, values 0 bytes to 1 GiB. One process writes at a time; within it, every call is safe
/// from any thread. Reads take no lock, never wait for a writer, and see a committed state.
///
/// Memory: about 12 bytes for each key, and while the store is open for writing, one or two buffers of the size of a
/// segment. Files are mapped; they must not be cut short by other programs while the store is open.
public final class Store: Sendable {
  let engine: Engine

  init(engine: Engine) { self.engine = engine }

  /// Opens a store, by default for reading and writing, and makes it if there is none.
  ///
  /// After a clean close this takes a few milliseconds, however much is stored. After a crash, the log written since
  /// the last checkpoint is replayed (some million records a second); without a checkpoint, all of it.
  ///
  /// - Parameter path: a directory. It is created if missing, its parents are not.
  /// - Throws: ``StoreError``, above all `.locked` (open for writing elsewhere; names the process), `.notAStore` (a
  ///   file, or a directory with other things in it), `.notFound`, `.damaged` (open it with `.readOnly` then),
  ///   `.unsupportedFormat` (names the feature), `.permissionDenied`, `.noSpace`, `.invalidOption`.
  public static func open(at path: String, options: Options = Options()) throws(StoreError) -> Store {
    try with(try Engine.open(path, options, PosixFileSystem()))
  }

  /// Puts everything on the disk, and gives files, memory and the lock back. Calls after it throw `.closed`; a second
  /// close does nothing. Values being read in other threads stay valid until their calls end.
  ///
  /// - Throws: what could not be written, now or earlier in the background. The store is closed all the same.
  public func close() throws(StoreError) {
    if engine.alive.isSet { engine.saveViews(isClosing: true) }
    try engine.close()
  }

  /// Closes, if nobody has; errors are lost, so `close()` is better where they matter.
  deinit { try? engine.close() }

  /// A store that has just been opened, with its views.
  static func with(_ engine: Engine) throws(StoreError) -> Store {
    let store = Store(engine: engine)
    for view in engine.views { try view.attach(to: store) }
    return store
  }

  /// The directory, as it was given.
  public var path: String { engine.directory.path }

  /// What a read-only open found damaged: the store then shows what was there before the damage, or, where a
  /// checkpoint tells, everything but the damaged records.
  public var damage: StoreError? { engine.damage }
}
