public import Cairn
public import Foundation

extension Data: ByteLending {
  /// Lends the bytes in place.
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let data = copy self
    return try body(data.bytes)
  }
}

extension Store {
  /// The value of a key as `Data`, or `nil` if there is none. Copies it.
  public func data<Key: ByteLending & ~Copyable & ~Escapable>(for key: borrowing Key) throws(StoreError) -> Data? {
    try withValue(for: key) { value in unsafe value.withUnsafeBytes { unsafe Data($0) } }
  }
}
