internal import Foundation

/// What the standard library does byte by byte in debug builds, with calls and allocations for each: a thousand times
/// faster, and a test of crashes does it by the gigabyte.
extension Array where Element == UInt8 {
  public mutating func appendZeros(_ count: Int) {
    self += unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe UnsafeMutableRawBufferPointer(buffer).initializeMemory(as: UInt8.self, repeating: 0)
      initialized = count
    }
  }

  /// Puts bytes in the place of as many that are there.
  public mutating func overwrite(at offset: Int, with bytes: [UInt8]) {
    precondition(offset >= 0 && offset + bytes.count <= count, "outside of what is there")
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe withUnsafeMutableBytes { all in
        unsafe UnsafeMutableRawBufferPointer(rebasing: all[offset..<offset + bytes.count]).copyMemory(from: bytes)
      }
    }
  }

  /// Whether it comes before another one in the order of bytes.
  public func isBefore(_ other: [UInt8]) -> Bool {
    let common = unsafe withUnsafeBytes { own in
      unsafe other.withUnsafeBytes { other in
        let length = Swift.min(own.count, other.count)
        return length == 0 ? 0 : unsafe memcmp(own.baseAddress!, other.baseAddress!, length)
      }
    }
    return common < 0 || common == 0 && count < other.count
  }
}
