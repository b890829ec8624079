internal import Cairn
internal import Glibc

struct FoundFile {
  let path: String
  let byteCount: Int
}

enum Files {
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// All regular files below a folder. Links are not followed, so there are no circles.
  static func all(below folder: String) -> [FoundFile] {
    var found: [FoundFile] = []
    var folders = [folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder]
    while let folder = folders.popLast() {
      guard let stream = unsafe opendir(folder) else { continue }
      defer { unsafe _ = closedir(stream) }
      while let entry = unsafe readdir(stream) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
          unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
        }
        if name == "." || name == ".." { continue }
        let path = folder == "/" ? "/" + name : folder + "/" + name
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { continue }
        if status.st_mode & S_IFMT == S_IFDIR {
          folders.append(path)
        } else if status.st_mode & S_IFMT == S_IFREG {
          found.append(FoundFile(path: path, byteCount: Int(status.st_size)))
        }
      }
    }
    return found.sorted { $0.path < $1.path }
  }

  /// The content of a file; `nil` if it cannot be read.
  static func read(_ path: String) -> [UInt8]? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let got = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
      if got < 0 { return nil }
      if got == 0 { return content }
      content.append(contentsOf: buffer[..<got])
    }
  }

  static func write(_ bytes: [UInt8], to path: String) -> Bool {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return false }
    defer { close(file) }
    return unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) } == bytes.count
  }

  /// Sets the time of change to now.
  static func touch(_ path: String) -> Bool { unsafe utimensat(AT_FDCWD, path, nil, 0) == 0 }

  static func byteCount(below folder: String) -> Int { all(below: folder).reduce(0) { $0 + $1.byteCount } }

  static func remove(_ path: String) {
    if unsafe unlink(path) == 0 { return }
    for file in all(below: path) { unsafe _ = unlink(file.path) }
    unsafe _ = rmdir(path)
  }
}

/// What the demo finds out about a file.
struct FileFacts: Equatable {
  let lines: Int
  let words: Int
  /// As language models count, about: four bytes to a token, and no word is less than one.
  let tokens: Int
  let hash: String

  init(_ content: [UInt8]) {
    var (lines, words, tokens, length) = (0, 0, 0, 0)
    for byte in content {
      if byte == 10 { lines += 1 }
      if byte == 32 || (9...13).contains(byte) {
        if length > 0 { tokens += (length + 3) / 4 }
        length = 0
      } else {
        if length == 0 { words += 1 }
        length += 1
      }
    }
    if length > 0 { tokens += (length + 3) / 4 }
    let (low, high) = contentHash(unsafe content.span.bytes)
    self.lines = lines
    self.words = words
    self.tokens = tokens
    hash = String(hex: high) + String(hex: low)
  }

  var text: String { "lines=\(lines) words=\(words) tokens=\(tokens) xxh128=\(hash)" }
}
