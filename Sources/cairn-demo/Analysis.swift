internal import Cairn
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
  let store: Store

  /// Keys are paths; values are readable text: the file's identity, then what was found out.
  func run(_ files: [FoundFile], _ progress: Progress) throws -> Pass {
    var pass = Pass()
    let start = now()
    for (number, file) in files.enumerated() {
      progress.show(number, of: files.count)
      // The identity is taken before the file is read: if it changes meanwhile, the result is for the old one.
      guard let identity = Files.identity(file.path) else {
        pass.unreadable += 1
        continue
      }
      let prefix = identity.text + " "
      let isKnown = try store.withValue(for: file.path) { value in
        unsafe value.withUnsafeBytes { unsafe $0.starts(with: prefix.utf8) }
      }
      if isKnown == true {
        pass.hits += 1
        continue
      }
      guard let content = Files.read(file.path) else {
        pass.unreadable += 1
        continue
      }
      try store.put(prefix + FileFacts(content).text, for: file.path)
      pass.misses += 1
      pass.bytesRead += content.count
    }
    progress.clear()
    pass.nanoseconds = now() - start
    return pass
  }

  /// Times single lookups of random keys. Returns nanoseconds, sorted; reading the clock is in them.
  func latencies(_ files: [FoundFile], count: Int) throws -> [UInt32] {
    var times: [UInt32] = []
    times.reserveCapacity(count)
    var random = SystemRandomNumberGenerator()
    var found = 0
    for _ in 0..<count {
      let key = files[Int(random.next(upperBound: UInt(files.count)))].path
      let start = now()
      let length = try store.withValue(for: key) { $0.byteCount }
      times.append(UInt32(clamping: now() - start))
      if length != nil { found += 1 }
    }
    guard found > 0 else { return [] }
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
