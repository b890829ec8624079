/// What can be a key or a value: anything that lends its bytes for the length of a call.
///
/// Strings lend their UTF-8. Conform your own types by calling `body` with the bytes of something that conforms.
public protocol ByteLending: ~Copyable, ~Escapable {
  /// Calls `body` with the bytes, which are valid until it returns.
  borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

extension String: ByteLending {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let text = copy self
    // SAFETY: bytes have no padding, here and below; the property is unsafe for types that do.
    return try unsafe body(text.utf8Span.span.bytes)
  }
}

extension Substring: ByteLending {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let text = copy self
    return try unsafe body(text.utf8Span.span.bytes)
  }
}

extension Array: ByteLending where Element == UInt8 {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(span.bytes)
  }
}

extension ContiguousArray: ByteLending where Element == UInt8 {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(span.bytes)
  }
}

extension ArraySlice: ByteLending where Element == UInt8 {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(span.bytes)
  }
}

extension InlineArray: ByteLending where Element == UInt8 {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(span.bytes)
  }
}

extension Span: ByteLending where Element == UInt8 {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(bytes)
  }
}

extension RawSpan: ByteLending {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(self)
  }
}

extension UnsafeRawBufferPointer: ByteLending {
  @inlinable
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // SAFETY: as valid as the caller's buffer, which the call borrows.
    try body(unsafe RawSpan(_unsafeBytes: self))
  }
}
