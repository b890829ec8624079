internal import Cairn
internal import CairnInspect
internal import Glibc

/// A line on the terminal that says how far a long task has come; nothing where standard error is none.
final class Progress: ProgressListener {
  private let what: String
  private let isShown = isatty(STDERR_FILENO) == 1
  private var last: UInt64
  private var isVisible = false

  private static let interval: UInt64 = 100_000_000

  /// - Parameter what: what is being done, in a word or two.
  init(_ what: String) {
    self.what = what
    // Short tasks need no line.
    last = System.nanoseconds() + 2 * Self.interval
  }

  deinit { clear() }

  func advance(to done: Int, of total: Int) throws(StoreError) {
    try Interruption.check()
    guard isShown else { return }
    let now = System.nanoseconds()
    guard now > last, now - last > Self.interval else { return }
    last = now
    isVisible = true
    let percent = total > 0 ? min(100, Int(Double(done) / Double(total) * 100)) : 0
    StandardError.writeRaw("\r\(Self.line(what, percent, columns: Self.columns))\u{1B}[K")
  }

  /// As long as the terminal is wide at most: lines that wrap are not overwritten.
  private static func line(_ what: String, _ percent: Int, columns: Int) -> String {
    let around = what.count + " [] 100 %".count
    let width = min(barWidth, columns - 1 - around)
    guard width > 0 else { return String("\(percent) %".prefix(max(0, columns - 1))) }
    let filled = percent * width / 100
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    return "\(what) [\(bar)] \(percent) %"
  }

  private static let barWidth = 30

  private static var columns: Int {
    var size = winsize()
    let isKnown = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return isKnown ? Int(size.ws_col) : 80
  }

  func clear() {
    if isVisible { StandardError.writeRaw("\r\u{1B}[K") }
    isVisible = false
  }
}
