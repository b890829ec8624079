public import Cairn

/// What a writer and its followers agree on: every commit sets two keys to one number, the next one, and overwrites
/// some of a few others, so that there is always something to compact.
public enum Counting {
  public struct Wrong: Error {
    public let message: String
  }

  public static func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 100_000
    return options
  }

  public static func count(
    _ path: String, from first: Int, to end: Int, _ acknowledge: (Int) -> Void = { _ in }
  ) throws {
    let store = try Store.open(at: path, options: options())
    var random = SeededRandom(seed: UInt64(first))
    var number = first
    while number < end {
      try store.write { batch in
        try batch.put("\(number)", for: "first")
        for _ in 0..<3 { try batch.put(SelfDescribing.value(number), for: "filler \(random.below(100))") }
        try batch.put("\(number)", for: "second")
      }
      if number % 7 == 0 { try store.remove("filler \(random.below(100))") }
      acknowledge(number)
      number += 1
    }
    try store.close()
  }

  /// Says that there is nothing more to come.
  public static func finish(_ path: String) throws {
    let store = try Store.open(at: path, options: options())
    try store.put("", for: "end")
    try store.close()
  }

  /// Follows until there is the key `end`. Both keys have one number all the while, which never gets less.
  ///
  /// - Returns: the last number.
  public static func follow(_ path: String) throws -> Int {
    let store = try Store.follow(path, refreshing: .manual)
    var last = -1
    while true {
      try store.refresh()
      let snapshot = try store.snapshot()
      let first = try snapshot.value(for: "first").map { String(decoding: $0, as: UTF8.self) }
      let second = try snapshot.value(for: "second").map { String(decoding: $0, as: UTF8.self) }
      guard first == second else { throw Wrong(message: "\(first ?? "none") and \(second ?? "none")") }
      let number = first.flatMap { Int($0) } ?? -1
      guard number >= last else { throw Wrong(message: "\(number) after \(last)") }
      last = number
      try store.forEach { entry in
        let key = String(decoding: unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }, as: UTF8.self)
        let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
        if key.hasPrefix("filler"), SelfDescribing.number(value) == nil { throw Wrong(message: "a wrong value") }
        return true
      }
      if try store.contains("end") {
        try store.close()
        return last
      }
    }
  }
}
