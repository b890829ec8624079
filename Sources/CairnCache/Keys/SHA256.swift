private import CCrypto
internal import Cairn

/// SHA-256 by OpenSSL, which uses the processor's instructions for it.
///
/// SAFETY: the context is its own, from `init` to `deinit`; OpenSSL reads no more than it is told.
@safe
struct SHA256: ~Copyable {
  static let byteCount = 32

  private let context: OpaquePointer

  init() {
    guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("out of memory")
    }
    unsafe self.context = context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  mutating func add(_ bytes: RawSpan) {
    let result = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(result == 1, "a digest takes bytes as long as there are some")
  }

  mutating func add(_ bytes: [UInt8]) { bytes.withBytes { add($0) } }

  consuming func finish() -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
      let result = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      precondition(result == 1, "a digest ends once")
      count = Self.byteCount
    }
  }
}
