/// The seam between the engine and the disk: every file operation goes through these three protocols, so that tests
/// can run the same engine on a disk that fails, tears and forgets.
///
/// Dispatch is dynamic: reads of records never come here, and beside a system call (`pwrite`: 500 ns) a call through
/// a protocol (2 ns) is not seen, while a generic engine would carry the parameter through every type.
package protocol FileSystem: Sendable {
  /// Opens the directory, made first (and its name synced) when `creating` gives permissions.
  func openDirectory(_ path: String, creating permissions: UInt32?) throws(StoreError) -> any Directory
}

package protocol Directory: AnyObject, Sendable {
  /// As the user named it, for errors.
  var path: String { get }
  /// Where it is, absolute and without links, to tell whether one is in another.
  var location: String { get }
  /// The names in it, without `.` and `..`, in no order.
  func names() throws(StoreError) -> [String]
  /// Creates a file that must not exist, open for reading and writing.
  func create(_ name: String, permissions: UInt32) throws(StoreError) -> any File
  /// Opens a regular file; `nil` when there is none.
  func open(_ name: String, forWriting: Bool) throws(StoreError) -> (any File)?
  /// Replaces what has the new name, if anything.
  func rename(_ name: String, to newName: String) throws(StoreError)
  func unlink(_ name: String) throws(StoreError)
  /// Gives two things each other's name, at once; `false` where the file system cannot.
  func exchange(_ name: String, _ other: String) throws(StoreError) -> Bool
  /// Removes an empty directory.
  func removeDirectory(_ name: String) throws(StoreError)
  /// Gives a file a second name, which nothing must have. Both may be in other directories: as paths from here, or
  /// from the root.
  func link(_ name: String, as newName: String) throws(StoreError)
  /// Makes creations, renames and unlinks durable.
  func sync() throws(StoreError)
  /// Takes the lock of the store, held until the result goes; `nil` when somebody else has it, or has just
  /// removed its file.
  func lock(_ name: String, permissions: UInt32) throws(StoreError) -> (any File)?
  /// Gives the descriptor back; nothing else is called after it.
  func close()
}

/// A regular file. Closed when the last reference goes.
package protocol File: AnyObject, Sendable {
  /// Full path, for errors.
  var path: String { get }
  func byteCount() throws(StoreError) -> Int
  /// Reads exactly `target.count` bytes; fewer are there only at the end of the file. Returns how many.
  func read(into target: MemoryView, at offset: Int) throws(StoreError) -> Int
  /// Writes all the bytes or throws.
  func write(_ bytes: MemoryView, at offset: Int) throws(StoreError)
  /// Makes sure that writes below `end` find their space, and that they are allowed: over the limit of a process for
  /// its files, a write would end it. Where the file system cannot reserve, that is all it does.
  func reserve(_ start: Int, upTo end: Int) throws(StoreError)
  func truncate(to byteCount: Int) throws(StoreError)
  /// Makes the content and the size durable.
  func sync() throws(StoreError)
  /// Maps the first `byteCount` bytes: read-only, or privately writable (changes never reach the file).
  func map(byteCount: Int, writable: Bool) throws(StoreError) -> Mapping
  /// Maps the first `byteCount` bytes, which are there, for writing that others see who have mapped them.
  func mapShared(byteCount: Int) throws(StoreError) -> Mapping
  /// Memory of `capacity` bytes to write into, whose first `byteCount` bytes are the file's, not read before touched.
  func mapForAppending(byteCount: Int, capacity: Int) throws(StoreError) -> Mapping
  /// Ends the file and reports a late error that letting go of it would swallow.
  func close() throws(StoreError)
}
