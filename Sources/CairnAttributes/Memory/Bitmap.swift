internal import CRoaring

/// A set of numbers, compressed (Lemire et al., *Roaring Bitmaps: Implementation of an Optimized Software Library*,
/// 2018).
///
/// SAFETY: the bitmap of the library is its own, from `init` to `deinit`; every function of it is given bitmaps that
/// live, and memory with room for what it writes.
@safe
final class Bitmap: @unchecked Sendable {  // Changed by one thread at a time: under the lock of its index.
  fileprivate let bitmap: UnsafeMutablePointer<roaring_bitmap_t>

  private init(adopting made: UnsafeMutablePointer<roaring_bitmap_t>?) {
    guard let made = unsafe made else { preconditionFailure("out of memory") }
    unsafe bitmap = made
  }

  convenience init() { unsafe self.init(adopting: roaring_bitmap_create_with_capacity(0)) }

  /// - Parameter numbers: those of it; quick if they ascend.
  convenience init(_ numbers: borrowing Column<UInt32>) {
    let count = numbers.count
    unsafe self.init(adopting: numbers.withElements { unsafe roaring_bitmap_of_ptr(count, $0) })
  }

  deinit { unsafe roaring_bitmap_free(bitmap) }

  var count: Int { unsafe Int(roaring_bitmap_get_cardinality(bitmap)) }
  var isEmpty: Bool { unsafe roaring_bitmap_is_empty(bitmap) }
  /// `UInt32.max` if there is none.
  var minimum: UInt32 { unsafe roaring_bitmap_minimum(bitmap) }
  func contains(_ number: UInt32) -> Bool { unsafe roaring_bitmap_contains(bitmap, number) }

  func insert(_ number: UInt32) { unsafe roaring_bitmap_add(bitmap, number) }
  func remove(_ number: UInt32) { unsafe roaring_bitmap_remove(bitmap, number) }

  func insert(_ numbers: borrowing Column<UInt32>) {
    let count = numbers.count
    unsafe numbers.withElements { unsafe roaring_bitmap_add_many(bitmap, count, $0) }
  }

  /// What it takes on the heap, about.
  var memoryByteCount: Int {
    var statistics = roaring_statistics_t()
    unsafe roaring_bitmap_statistics(bitmap, &statistics)
    let contents =
      statistics.n_bytes_array_containers + statistics.n_bytes_bitset_containers + statistics.n_bytes_run_containers
    // Of each container a header, its entry in the list of them, and what the allocator adds.
    return 96 + Int(contents) + 56 * Int(statistics.n_containers)
  }

  // MARK: Sets

  func copy() -> Bitmap { unsafe Bitmap(adopting: roaring_bitmap_copy(bitmap)) }

  func formUnion(_ other: Bitmap) { unsafe roaring_bitmap_or_inplace(bitmap, other.bitmap) }
  func formIntersection(_ other: Bitmap) { unsafe roaring_bitmap_and_inplace(bitmap, other.bitmap) }
  func subtract(_ other: Bitmap) { unsafe roaring_bitmap_andnot_inplace(bitmap, other.bitmap) }

  func intersection(_ other: Bitmap) -> Bitmap {
    unsafe Bitmap(adopting: roaring_bitmap_and(bitmap, other.bitmap))
  }

  func subtracting(_ other: Bitmap) -> Bitmap {
    unsafe Bitmap(adopting: roaring_bitmap_andnot(bitmap, other.bitmap))
  }

  /// Quickest if the first one is the densest.
  static func union(_ bitmaps: [Bitmap]) -> Bitmap {
    let count = bitmaps.count
    if count == 0 { return Bitmap() }
    if count == 1 { return bitmaps[0].copy() }
    return withExtendedLifetime(bitmaps) {
      unsafe withUnsafeTemporaryAllocation(of: UnsafePointer<roaring_bitmap_t>?.self, capacity: count) { list in
        for index in 0..<count { unsafe list.initializeElement(at: index, to: UnsafePointer(bitmaps[index].bitmap)) }
        return unsafe Bitmap(adopting: roaring_bitmap_or_many(count, list.baseAddress))
      }
    }
  }

  func intersects(_ other: Bitmap) -> Bool { unsafe roaring_bitmap_intersect(bitmap, other.bitmap) }
  func intersectionCount(_ other: Bitmap) -> Int {
    unsafe Int(roaring_bitmap_and_cardinality(bitmap, other.bitmap))
  }
  func differenceCount(_ other: Bitmap) -> Int {
    unsafe Int(roaring_bitmap_andnot_cardinality(bitmap, other.bitmap))
  }
  func unionCount(_ other: Bitmap) -> Int { unsafe Int(roaring_bitmap_or_cardinality(bitmap, other.bitmap)) }

  // MARK: Lists

  /// Its numbers, ascending.
  func append(to numbers: inout Column<UInt32>) {
    let count = count
    unsafe numbers.withRoom(count) { room in
      unsafe roaring_bitmap_to_uint32_array(bitmap, room)
      return (count, ())
    }
  }

  func forEach(_ body: (UInt32) -> Void) {
    var reader = BitmapReader(self)
    var numbers = Column<UInt32>()
    while reader.read(into: &numbers, atMost: 1024) {
      for index in 0..<numbers.count { body(numbers[index]) }
      numbers.truncate(to: 0)
    }
  }

  /// Keeps those of the numbers, which ascend, that it has, or has not.
  func keep(_ numbers: inout Column<UInt32>, is isKept: Bool) {
    var kept = 0
    for index in 0..<numbers.count {
      let number = numbers[index]
      numbers[kept] = number
      kept += contains(number) == isKept ? 1 : 0
    }
    numbers.truncate(to: kept)
  }
}

/// Reads the numbers of a bitmap, which is not to be changed meanwhile, in ascending order.
@safe
struct BitmapReader: ~Copyable {
  private let source: Bitmap
  private var iterator = unsafe roaring_uint32_iterator_t()

  /// - Parameter first: smaller ones are left out.
  init(_ bitmap: Bitmap, from first: UInt32 = 0) {
    source = bitmap
    unsafe roaring_init_iterator(bitmap.bitmap, &iterator)
    if first > 0 { _ = unsafe roaring_move_uint32_iterator_equalorlarger(&iterator, first) }
  }

  /// Appends the next ones.
  ///
  /// - Returns: whether there was any.
  mutating func read(into numbers: inout Column<UInt32>, atMost limit: Int) -> Bool {
    unsafe numbers.withRoom(limit) { room in
      let count = Int(unsafe roaring_read_uint32_iterator(&iterator, room, UInt32(limit)))
      return (count, count > 0)
    }
  }
}
