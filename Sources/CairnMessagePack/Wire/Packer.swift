internal import CMsgpack

/// What the library has written.
///
/// SAFETY: the buffer is its own, from `init` to `deinit`; the library reads no more bytes than it is told, and makes
/// room for what it writes.
@safe
struct Packer: ~Copyable {
  private var buffer = unsafe msgpack_sbuffer()
  private var isOutOfMemory = false

  init() { unsafe msgpack_sbuffer_init(&buffer) }

  deinit {
    // `deinit` has no `self` to change, and the library wants to.
    var buffer = unsafe buffer
    unsafe msgpack_sbuffer_destroy(&buffer)
  }

  private mutating func note(_ result: Int32) { if result != 0 { isOutOfMemory = true } }

  mutating func addNil() { note(unsafe cairn_msgpack_pack_nil(&buffer)) }
  mutating func add(_ value: Bool) { note(unsafe cairn_msgpack_pack_bool(&buffer, value)) }
  mutating func add(_ value: Int64) { note(unsafe cairn_msgpack_pack_signed(&buffer, value)) }
  mutating func add(_ value: UInt64) { note(unsafe cairn_msgpack_pack_unsigned(&buffer, value)) }
  mutating func add(_ value: Float) { note(unsafe cairn_msgpack_pack_float(&buffer, value)) }
  mutating func add(_ value: Double) { note(unsafe cairn_msgpack_pack_double(&buffer, value)) }

  /// - Parameter text: of fewer than 2^32 bytes, as all that follows.
  mutating func add(_ text: String) {
    var text = text
    let result = text.withUTF8 { unsafe cairn_msgpack_pack_text(&buffer, $0.baseAddress, $0.count) }
    note(result)
  }

  mutating func add(_ bytes: [UInt8]) {
    let result = unsafe bytes.withUnsafeBytes { unsafe cairn_msgpack_pack_bytes(&buffer, $0.baseAddress, $0.count) }
    note(result)
  }

  mutating func beginArray(count: Int) { note(unsafe cairn_msgpack_pack_array(&buffer, count)) }
  mutating func beginMap(count: Int) { note(unsafe cairn_msgpack_pack_map(&buffer, count)) }

  /// All of it, or `nil` if there was no memory.
  consuming func finish() -> [UInt8]? {
    if isOutOfMemory { return nil }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: buffer.data, count: buffer.size))
  }
}
