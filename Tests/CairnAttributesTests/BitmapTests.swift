import CairnTestSupport
import Testing

@testable import CairnAttributes

/// Goal: bitmaps are sets of numbers, sparse, dense or whole, and columns filter as a look at each document would.
/// Method: against sets of the standard library.
@Suite struct BitmapTests {
  private static func numbers(_ random: inout SeededRandom) -> Set<UInt32> {
    let (count, limit) = ([0, 1, 50, 5000, 30_000][random.below(5)], [10, 70_000, 200_000][random.below(3)])
    // Some of them in one piece: the library keeps these in another way.
    let start = UInt32(random.below(100_000))
    let run = random.percent(30) ? Array(start..<start + UInt32(random.below(70_000))) : []
    return Set((0..<count).map { _ in UInt32(random.below(limit)) } + run)
  }

  private static func bitmap(_ numbers: Set<UInt32>, _ random: inout SeededRandom) -> Bitmap {
    if random.percent(50) {
      var column = Column<UInt32>()
      for number in numbers.sorted() { column.append(number) }
      return Bitmap(column)
    }
    let bitmap = Bitmap()
    for number in numbers { bitmap.insert(number) }
    return bitmap
  }

  private static func list(_ bitmap: Bitmap) -> [UInt32] {
    var column = Column<UInt32>()
    bitmap.append(to: &column)
    return (0..<column.count).map { column[$0] }
  }

  @Test(arguments: SeededRandom.seeds(3)) func sets(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<12 {
      let (a, b) = (Self.numbers(&random), Self.numbers(&random))
      let (x, y) = (Self.bitmap(a, &random), Self.bitmap(b, &random))
      #expect(x.count == a.count && x.isEmpty == a.isEmpty && x.minimum == a.min() ?? .max)
      #expect(Self.list(x) == a.sorted())
      #expect(Self.list(x.intersection(y)) == a.intersection(b).sorted())
      #expect(Self.list(x.subtracting(y)) == a.subtracting(b).sorted())
      #expect(Self.list(Bitmap.union([x, y])) == a.union(b).sorted())
      #expect(x.intersectionCount(y) == a.intersection(b).count && x.differenceCount(y) == a.subtracting(b).count)
      #expect(x.unionCount(y) == a.union(b).count && x.intersects(y) == !a.isDisjoint(with: b))
      let z = x.copy()
      z.formUnion(y)
      z.subtract(x)
      z.formIntersection(y)
      #expect(Self.list(z) == b.subtracting(a).sorted())
      let first = UInt32(random.below(100_000))
      var reader = BitmapReader(x, from: first)
      var read = Column<UInt32>()
      while reader.read(into: &read, atMost: 1 + random.below(3000)) {}
      #expect((0..<read.count).map { read[$0] } == a.filter { $0 >= first }.sorted(), "seed \(seed)")
      var kept = Column<UInt32>()
      for number in b.sorted() { kept.append(number) }
      let isKept = random.percent(50)
      x.keep(&kept, is: isKept)
      #expect((0..<kept.count).map { kept[$0] } == b.filter { a.contains($0) == isKept }.sorted())
      for number in a where number % 3 == 0 { x.remove(number) }
      #expect(Self.list(x) == a.filter { $0 % 3 != 0 }.sorted(), "seed \(seed)")
    }
  }

  @Test(arguments: SeededRandom.seeds(2)) func filters(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var column = Column<UInt64>()
    for _ in 0..<3000 { column.append(random.percent(20) ? .max - UInt64(random.below(3)) : UInt64(random.below(10))) }
    for _ in 0..<100 {
      let documents = (0..<3000).filter { _ in random.percent(60) }
      let bounds = [UInt64(random.below(10)), UInt64(random.below(12)), .max - UInt64(random.below(3)), 0]
      let (a, b) = (bounds[random.below(4)], bounds[random.below(4)])
      let isKept = random.percent(50)
      var list = Column<UInt32>()
      for document in documents { list.append(UInt32(document)) }
      column.keep(&list, within: min(a, b)...max(a, b), is: isKept)
      let expected = documents.filter { (min(a, b)...max(a, b) ~= column[$0]) == isKept }
      #expect((0..<list.count).map { Int(list[$0]) } == expected, "seed \(seed)")
    }
  }
}
