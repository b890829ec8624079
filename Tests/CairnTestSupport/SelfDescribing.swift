/// Entries that tell which they are, so that a wrong value shows.
public enum SelfDescribing {
  public static func key(_ number: Int, part: Int) -> String { "entry-\(number)-\(part)" }

  public static func value(_ number: Int) -> [UInt8] {
    var random = SeededRandom(seed: UInt64(number))
    return Array("\(number):".utf8) + random.bytes(random.below(400))
  }

  /// Which one it is, if it is one.
  public static func number(_ value: [UInt8]) -> Int? {
    guard let number = Int(String(decoding: value.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)),
      self.value(number) == value
    else { return nil }
    return number
  }
}
