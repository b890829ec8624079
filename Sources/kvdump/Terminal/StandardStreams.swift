internal import Cairn
internal import CairnInspect
internal import Glibc

/// Standard output, gathered into pieces of 64 KiB.
final class StandardOutput: OutputSink {
  private var buffer: [UInt8] = []
  let isTerminal = isatty(STDOUT_FILENO) == 1
  /// Whether to write in colours: to a terminal that knows them, if nobody objects (no-color.org).
  let isColoured: Bool

  private static let pieceBytes = 64 << 10

  init() {
    // A reader that has gone away ends the program without a word, also where the parent had this signal ignored.
    _ = signal(SIGPIPE, SIG_DFL)
    isColoured = isTerminal && Environment["NO_COLOR", default: ""].isEmpty && Environment["TERM"] != "dumb"
  }

  func write(_ bytes: [UInt8]) throws(StoreError) { try unsafe write(bytes.span.bytes) }

  func write(_ text: String) throws(StoreError) {
    let text = text
    try unsafe write(text.utf8Span.span.bytes)
  }

  /// Large ones without a copy.
  func write(_ bytes: RawSpan) throws(StoreError) {
    if buffer.count + bytes.byteCount > Self.pieceBytes { try flush() }
    if bytes.byteCount >= Self.pieceBytes { return try Self.write(bytes) }
    // SAFETY: the span's own bytes.
    unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
  }

  /// Waits for a moment.
  ///
  /// - Returns: whether somebody may still read what is written.
  func wait(milliseconds: Int32) throws(StoreError) -> Bool {
    var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    let count = unsafe poll(&output, 1, milliseconds)
    try Interruption.check()
    return count <= 0
  }

  func flush() throws(StoreError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    try unsafe Self.write(buffer.span.bytes)
  }

  private static func write(_ bytes: RawSpan) throws(StoreError) {
    try unsafe bytes.withUnsafeBytes { (buffer) throws(StoreError) in
      var done = 0
      while done < buffer.count {
        // SAFETY: the rest of the span's own bytes.
        let count = unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress! + done, buffer.count - done)
        if count < 0 && errno == EINTR {
          try Interruption.check()
          continue
        }
        if count < 0 {
          let reason = unsafe String(cString: strerror(errno))
          throw StoreError(.system, "the output cannot be written: \(reason)", systemError: errno)
        }
        done += count
      }
    }
  }
}

/// The three descriptors that every program has.
enum StandardDescriptors {
  /// Those that nobody has opened would be given to the next file. What should have gone to standard output is then an
  /// error, and not lost.
  static func fill() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      unsafe _ = open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_RDWR)
    }
  }
}

enum StandardError {
  static func write(_ line: String) { writeRaw(line + "\n") }

  static func writeRaw(_ text: String) {
    let bytes = Array(text.utf8)
    // Nobody is left to hear of a failure here.
    unsafe bytes.withUnsafeBytes { unsafe _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}

/// Bytes from standard input or from a file, in pieces.
final class Input {
  let name: String
  private let descriptor: Int32
  /// Of a regular file; `nil`: nobody knows.
  let byteCount: Int?
  private var piece = [UInt8](repeating: 0, count: 256 << 10)

  /// - Parameter path: `nil` or `-`: standard input.
  init(_ path: String?) throws(StoreError) {
    if let path, path != "-" {
      name = path
      descriptor = try Self.open(path)
    } else {
      (name, descriptor) = ("standard input", STDIN_FILENO)
      if isatty(STDIN_FILENO) == 1 {
        StandardError.write("kvdump: reading a dump from standard input; ^D at the beginning of a line ends it")
      }
    }
    var status = stat()
    let isRegular = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    byteCount = isRegular ? Int(status.st_size) : nil
  }

  deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

  /// Waits, if it is a FIFO, until somebody opens its other end.
  private static func open(_ path: String) throws(StoreError) -> Int32 {
    while true {
      let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
      if descriptor >= 0 { return descriptor }
      guard errno == EINTR else { throw SystemError.of("open", path) }
      try Interruption.check()
    }
  }

  /// The next bytes; none at the end.
  func next() throws(StoreError) -> ArraySlice<UInt8> {
    while true {
      let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { return piece[..<count] }
      guard errno == EINTR else {
        throw SystemError.of("read", name)
      }
      try Interruption.check()
    }
  }
}

/// What a path leads to.
enum FileKind {
  case regular, directory, special
  /// It cannot be looked at.
  case unknown

  static func of(_ path: String) -> FileKind {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .unknown }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .regular
    case S_IFDIR: return .directory
    default: return .special
    }
  }
}

/// What a call of the system has failed of.
enum SystemError {
  static func of(_ call: String, _ file: String?, _ code: Int32 = errno) -> StoreError {
    StoreError(.system, "\(call) failed: \(unsafe String(cString: strerror(code)))", file: file, systemError: code)
  }
}

/// Variables of the environment.
enum Environment {
  static subscript(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }
  static subscript(_ name: String, default value: String) -> String { self[name] ?? value }
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
