/// Types of each kind that `Codable` knows.
enum Shapes {
  struct Everything: Codable, Equatable {
    var bool = true
    var int = Int.min
    var int8 = Int8.min
    var int16 = Int16.min
    var int32 = Int32.min
    var int64 = Int64.max
    var uint = UInt(7)
    var uint8 = UInt8.max
    var uint16 = UInt16.max
    var uint32 = UInt32.max
    var uint64 = UInt64.max
    var float = Float(0.25)
    var double = -1e300
    var text = "täxt"
    var bytes: [UInt8] = [0, 1, 255]
    var none: Int?
    var some: String? = "some"
    var optionals: [Int?] = [1, nil, 3]
    var nested: [[String: [Int]]] = [["a": [1], "b": []], [:]]
    var set: Set<String> = ["x"]
    var range = 3..<9
    var empty = Empty()
    var choice: Suit? = .hearts
  }

  struct Empty: Codable, Equatable {}

  enum Suit: String, Codable, CaseIterable {
    case hearts, spades
  }

  enum Level: Int, Codable {
    case low = 1
    case high = 1000
  }

  indirect enum Expression: Codable, Equatable {
    case number(Double)
    case sum(Expression, Expression)
    case named(name: String, of: Expression?)
    case nothing
  }

  // MARK: Classes

  class Animal: Codable {
    var name: String
    init(name: String) { self.name = name }
  }

  /// Its superclass is under a key of its own.
  final class Dog: Animal {
    var tricks: [String]
    private enum Keys: CodingKey { case tricks }

    init(name: String, tricks: [String]) {
      self.tricks = tricks
      super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Keys.self)
      tricks = try container.decode([String].self, forKey: .tricks)
      try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      // Filled later than what follows.
      let above = container.superEncoder()
      try container.encode(tricks, forKey: .tricks)
      try super.encode(to: above)
    }
  }

  /// Its superclass is in the same container, where it says something else about one key.
  final class Cat: Animal {
    var lives: Int
    private enum Keys: CodingKey { case lives, name }

    init(name: String, lives: Int) {
      self.lives = lives
      super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
      lives = try decoder.container(keyedBy: Keys.self).decode(Int.self, forKey: .lives)
      try super.init(from: decoder)
    }

    override func encode(to encoder: any Encoder) throws {
      try super.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(lives, forKey: .lives)
      try container.encode(name + "!", forKey: .name)
    }
  }

  // MARK: Containers in containers

  /// Everything by hand, and not in order.
  struct Manual: Codable, Equatable {
    var a = 1
    var b = [2, 3]
    var c: String? = "c"
    var d = 4.5

    enum Keys: CodingKey { case outer, list, above }
    enum Inner: CodingKey { case a, c, e }

    init() {}

    func encode(to encoder: any Encoder) throws {
      var outer = encoder.container(keyedBy: Keys.self)
      var list = outer.nestedUnkeyedContainer(forKey: .list)
      var first = outer.nestedContainer(keyedBy: Inner.self, forKey: .outer)
      try list.encode(b[0])
      try first.encode(a, forKey: .a)
      // The same once more: what is there stays.
      var second = outer.nestedContainer(keyedBy: Inner.self, forKey: .outer)
      try second.encode(c, forKey: .c)
      try first.encodeNil(forKey: .e)
      let above = outer.superEncoder(forKey: .above)
      var deep = list.nestedContainer(keyedBy: Inner.self)
      var deeper = list.nestedUnkeyedContainer()
      let alone = list.superEncoder()
      try list.encodeNil()
      try deeper.encode(contentsOf: [true, false])
      try deep.encode(b[1], forKey: .a)
      var single = alone.singleValueContainer()
      try single.encode(d)
      var container = above.unkeyedContainer()
      try container.encode(Optional(c))
    }

    init(from decoder: any Decoder) throws {
      let outer = try decoder.container(keyedBy: Keys.self)
      let first = try outer.nestedContainer(keyedBy: Inner.self, forKey: .outer)
      var list = try outer.nestedUnkeyedContainer(forKey: .list)
      a = try first.decode(Int.self, forKey: .a)
      c = try first.decodeIfPresent(String.self, forKey: .c)
      guard try first.decodeNil(forKey: .e) && !first.decodeNil(forKey: .a) else { throw Wrong() }
      b = [try list.decode(Int.self)]
      b.append(try list.nestedContainer(keyedBy: Inner.self).decode(Int.self, forKey: .a))
      var deeper = try list.nestedUnkeyedContainer()
      guard try deeper.decode(Bool.self), try !deeper.decode(Bool.self), deeper.isAtEnd else { throw Wrong() }
      d = try list.superDecoder().singleValueContainer().decode(Double.self)
      guard try !list.isAtEnd && list.decodeNil() && list.isAtEnd, list.count == 5 else { throw Wrong() }
      var above = try outer.superDecoder(forKey: .above).unkeyedContainer()
      guard try above.decodeIfPresent(String.self) == c else { throw Wrong() }
    }

    struct Wrong: Error {}
  }

  /// More keys than are looked at one after another.
  struct Wide: Codable, Equatable {
    var a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10
    var k = "k", l = "l", m = "m", n = "n", o = "o", p = "p", q = "q", r = "r", s = "s", t = "t"
    var u: Int?, v: Int? = 5
  }

  /// One after another, as deep as wanted.
  final class Chain: Codable {
    var next: Chain?
    init(_ next: Chain?) { self.next = next }

    /// - Parameter count: how many maps lie in each other.
    static func ofLength(_ count: Int) -> Chain {
      var chain = Chain(nil)
      for _ in 1..<count { chain = Chain(chain) }
      return chain
    }

    var count: Int {
      var (count, chain) = (0, Optional(self))
      while let here = chain { (count, chain) = (count + 1, here.next) }
      return count
    }
  }
}
