internal import CRoaring

/// A set of numbers, compressed (Lemire et al., *Roaring Bitmaps: Implementation of an Optimized Software Library*,
/// 2018).
@safe
final class Bitmap: @unchecked Sendable {  // Changed by one thread at a time: under the lock of its index.
  private let bitmap: UnsafeMutablePointer<roaring_bitmap_t>

  init() {
    guard let made = unsafe roaring_bitmap_create_with_capacity(0) else { preconditionFailure("out of memory") }
    unsafe bitmap = made
  }

  deinit { unsafe roaring_bitmap_free(bitmap) }

  var count: Int { unsafe Int(roaring_bitmap_get_cardinality(bitmap)) }

  func insert(_ number: UInt32) { unsafe roaring_bitmap_add(bitmap, number) }
}
