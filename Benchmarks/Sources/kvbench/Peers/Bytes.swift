extension UnsafeRawBufferPointer {
  /// As C interfaces with `char *` take it.
  var chars: UnsafePointer<CChar> { baseAddress!.assumingMemoryBound(to: CChar.self) }
}
