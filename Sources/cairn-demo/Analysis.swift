internal import Cairn
internal import CairnCache
internal import Glibc

/// One walk over all files: results that the store has for files that are still the same are taken from it.
struct Pass {
  var hits = 0
  var misses = 0
  var unreadable = 0
  var bytesRead = 0
  var nanoseconds: UInt64 = 0
}

struct Analysis {
  /// Keys are paths; values are readable text: what was found out.
  let files: FileCache<String>

  var store: Store { files.cache.store }

  /// Opens a store with a cache for results.
  static func open(at path: String) throws -> Analysis {
    var options = Store.Options()
    options.views = [try Caches(["files": CacheOptions()])]
    let store = try Store.open(at: path, options: options)
    return Analysis(files: FileCache(try store.cache("files", codec: .text)))
  }

  func run(_ found: [FoundFile], _ progress: Progress) throws -> Pass {
    var pass = Pass()
    let start = now()
    for (number, file) in found.enumerated() {
      progress.show(number, of: found.count)
      var bytesRead: Int?
      do {
        _ = try files.value(
          for: file.path,
          reading: { content in
            bytesRead = content.count
            return FileFacts(content).text
          })
      } catch is FileCacheError {
        pass.unreadable += 1
        continue
      }
      if let bytesRead {
        pass.misses += 1
        pass.bytesRead += bytesRead
      } else {
        pass.hits += 1
      }
    }
    progress.clear()
    pass.nanoseconds = now() - start
    return pass
  }

  /// Times single lookups of random keys. Returns nanoseconds, sorted; reading the clock is in them.
  func latencies(_ found: [FoundFile], count: Int) throws -> [UInt32] {
    let keys = try found.map { try files.cache.storeKey($0.path) }
    var times: [UInt32] = []
    times.reserveCapacity(count)
    var random = SystemRandomNumberGenerator()
    var isThere = 0
    for _ in 0..<count {
      let key = keys[Int(random.next(upperBound: UInt(keys.count)))]
      let start = now()
      let length = try store.withValue(for: key) { $0.byteCount }
      times.append(UInt32(clamping: now() - start))
      if length != nil { isThere += 1 }
    }
    guard isThere > 0 else { return [] }
    return times.sorted()
  }
}

/// Shows how far something is, where somebody watches.
struct Progress {
  let what: String
  private let isShown = isatty(2) == 1

  init(_ what: String) { self.what = what }

  func show(_ done: Int, of all: Int) {
    if isShown && done % 256 == 0 { printError("\r\(what): \(done) of \(all)", terminator: "") }
  }

  func clear() {
    if isShown { printError("\r\u{1B}[K", terminator: "") }
  }
}

func now() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func printError(_ text: String, terminator: String = "\n") {
  let bytes = Array((text + terminator).utf8)
  unsafe _ = bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
}

/// `12,345,678`
func grouped(_ number: Int) -> String {
  var text = ""
  for (position, digit) in String(number).reversed().enumerated() {
    if position > 0 && position % 3 == 0 { text = "," + text }
    text = String(digit) + text
  }
  return text
}

func milliseconds(_ nanoseconds: UInt64) -> String {
  "\(grouped(Int(nanoseconds / 1_000_000))).\(nanoseconds / 100_000 % 10) ms"
}

func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
