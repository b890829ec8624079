internal import Cairn
internal import CairnCache
internal import Glibc

struct Demo {
  let folder: String
  let home: String
  var storePath: String { home + "/store" }

  /// The demo's own files, made anew.
  init?(analysing folder: String) {
    self.folder = folder
    let temporary = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? ""
    home = (temporary.isEmpty ? "/tmp" : temporary) + "/cairn-demo-\(getuid())"
    if unsafe mkdir(home, 0o700) != 0 {
      var status = stat()
      guard unsafe lstat(home, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid() else {
        printError("cannot make the folder \(home): \(unsafe String(cString: strerror(errno)))")
        return nil
      }
    }
    // Only now is it known to be a folder of one's own.
    for name in ["store", "killed"] { Files.remove(home + "/" + name) }
    Files.remove(home + "/sample")
  }

  /// Returns whether all went as it should.
  func run() throws -> Bool {
    var files = Files.all(below: folder).filter { unsafe access($0.path, R_OK) == 0 }
    guard let first = files.first(where: { $0.byteCount > 0 }) ?? files.first else {
      printError("there are no files to read in \(folder)")
      return false
    }
    // One file of the set is a copy, so that touching it changes nothing of yours.
    let sample = home + "/sample"
    guard let content = Files.read(first.path), Files.write(content, to: sample) else {
      printError("cannot copy \(first.path) to \(sample)")
      return false
    }
    files.append(FoundFile(path: sample, byteCount: content.count))
    let analysis = try Analysis.open(at: storePath)
    let passed = try passes(files, analysis, sample)
    try check(analysis)
    try lookups(files, analysis)
    let firstKey = String(decoding: try analysis.files.cache.storeKey(first.path), as: UTF8.self)
    try analysis.store.close()
    let input = files.reduce(0) { $0 + $1.byteCount }
    let disk = Files.byteCount(below: storePath)
    print("\nOn disk: \(grouped(disk)) bytes for \(grouped(input)) bytes of input")
    print("\nA look inside:")
    for command in ["info", "list --limit 5", "verify"] {
      let words = command.split(separator: " ", maxSplits: 1)
      let rest = words.count > 1 ? " " + words[1] : ""
      print("  .build/release/kvdump \(words[0]) \(quoted(storePath))\(rest)")
    }
    print("  .build/release/kvdump get \(quoted(storePath)) \(quoted(firstKey))")
    print("\nA child process writes to another store and is killed (SIGKILL) in the middle:")
    return try KillDemo.run(home + "/killed") && passed
  }

  private func passes(_ files: [FoundFile], _ analysis: Analysis, _ sample: String) throws -> Bool {
    print("Analysing \(grouped(files.count)) files below \(folder) (one of them is a copy, \(sample)):")
    print("lines, words, an estimate of tokens, and a 128-bit hash of each, remembered by path and identity.\n")
    print("  \(padded("pass", 28))\(padded("hits", 10))\(padded("misses", 10))\(padded("bytes read", 16))time")
    func pass(_ name: String) throws -> Pass {
      let pass = try analysis.run(files, Progress(name))
      print(
        "  \(padded(name, 28))\(padded(grouped(pass.hits), 10))\(padded(grouped(pass.misses), 10))"
          + "\(padded(grouped(pass.bytesRead), 16))\(milliseconds(pass.nanoseconds))"
          + (pass.unreadable > 0 ? "  (\(pass.unreadable) unreadable)" : ""))
      return pass
    }
    let cold = try pass("cold")
    let warm = try pass("warm")
    guard Files.touch(sample) else {
      printError("cannot touch \(sample)")
      return false
    }
    let touched = try pass("warm, one file touched")
    let ratio = Int((Double(cold.nanoseconds) / Double(max(warm.nanoseconds, 1)) * 10).rounded())
    print("\n  The warm pass took 1/\(ratio / 10).\(ratio % 10) of the time of the cold one.")
    return warm.misses == 0 && touched.misses == 1
  }

  private func check(_ analysis: Analysis) throws {
    let start = now()
    let check = try analysis.files.check(below: folder)
    let time = milliseconds(now() - start)
    print(
      "  All files checked, one system call each: \(grouped(check.unchanged.count)) unchanged, "
        + "\(grouped(check.changed.count)) changed, \(grouped(check.vanished.count)) vanished, in \(time).")
  }

  private func lookups(_ files: [FoundFile], _ analysis: Analysis) throws {
    let count = 1_000_000
    print("\n\(grouped(count)) lookups of random keys among these (reading the clock included):")
    let times = try analysis.latencies(files, count: count)
    guard !times.isEmpty else { return }
    func at(_ share: Double) -> String {
      "\(grouped(Int(times[min(times.count - 1, Int(Double(times.count) * share))]))) ns"
    }
    print("  p50 \(at(0.5))   p99 \(at(0.99))   p99.9 \(at(0.999))   max \(at(1))")
  }

  /// As a shell takes it.
  private func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
      (48...57).contains($0) || (64...90).contains($0) || (97...122).contains($0) || [43, 45, 46, 47, 95].contains($0)
    }
    return isPlain
      ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
