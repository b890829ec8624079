internal import Cairn
internal import Glibc

/// Standard output, gathered into pieces of 64 KiB.
struct StandardOutput: ~Copyable {
  private var buffer: [UInt8] = []

  init() {
    // A reader that has gone away ends the program without a word, also where the parent had this signal ignored.
    _ = signal(SIGPIPE, SIG_DFL)
  }

  mutating func write(_ text: String) throws(StoreError) {
    buffer += text.utf8
    if buffer.count >= 64 << 10 { try flush() }
  }

  /// Large ones without a copy.
  mutating func write(_ bytes: RawSpan) throws(StoreError) {
    try flush()
    try StandardOutput.write(bytes)
  }

  mutating func flush() throws(StoreError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    try unsafe StandardOutput.write(buffer.span.bytes)
  }

  private static func write(_ bytes: RawSpan) throws(StoreError) {
    try unsafe bytes.withUnsafeBytes { (buffer) throws(StoreError) in
      var done = 0
      while done < buffer.count {
        // SAFETY: the rest of the span's own bytes.
        let count = unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress! + done, buffer.count - done)
        if count < 0 && errno == EINTR { continue }
        if count < 0 {
          let reason = unsafe String(cString: strerror(errno))
          throw StoreError(.system, "the output cannot be written: \(reason)", systemError: errno)
        }
        done += count
      }
    }
  }
}

enum StandardError {
  static func write(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    // Nobody is left to hear of a failure here.
    unsafe bytes.withUnsafeBytes { unsafe _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}

/// The words of the command line as they were given.
enum CommandWords {
  static var all: [[UInt8]] {
    // SAFETY: the vector has `argc` strings that end with a zero and live as long as the process.
    (0..<Int(CommandLine.argc)).compactMap { index in
      unsafe CommandLine.unsafeArgv[index].map { word in
        unsafe Array(UnsafeRawBufferPointer(start: word, count: strlen(word)))
      }
    }
  }
}
