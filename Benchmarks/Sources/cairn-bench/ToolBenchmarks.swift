import BenchmarkSupport
import Cairn
import Glibc

/// `kvdump` as a process of its own, over a million records.
func benchmarkTools(_ report: inout Report, _ folder: String, _ kvdump: String) throws {
  let count = 1_000_000
  report.heading("kvdump, \(count / 1_000_000) M records with values of 500 bytes (\(kvdump))")
  for isText in [true, false] {
    let path = folder + "/tools"
    let store = try Store.open(at: path)
    let keys = Keys(count: count, seed: 1)
    defer { keys.free() }
    try fill(store, keys, value(isText: isText), batch: 1000)
    try store.close()
    let bytes = Double(byteCount(path))
    let commands: [(name: String, command: String, target: Double?)] = [
      ("verify", "verify", 1e9), ("verify --deep", "verify --deep", nil), ("dump", "dump", 3e8),
    ]
    let samples = try interleaved(
      5,
      commands.map { work in
        return {
          let start = now()
          let status = run("sh", ["sh", "-c", "exec \"$0\" \(work.command) \"$1\" > /dev/null", kvdump, path])
          guard status == 0 else { fail("\(kvdump) \(work.command) has failed: status \(status)", 1) }
          return Double(now() - start)
        }
      })
    for (work, sample) in zip(commands, samples) {
      let rate = bytes / sample.median * 1e9
      report.row(
        "\(work.name), values that are \(isText ? "text" : "no text")", "\(String(rate / 1e6, digits: 0)) MB/s",
        work.target.map { "≥ \(String($0 / 1e6, digits: 0)) MB/s" } ?? "", isMet: work.target.map { rate >= $0 })
    }
    removeTree(path)
  }
}

private func value(isText: Bool) -> [UInt8] {
  let text = "{\"path\":\"/usr/share/doc/readme\",\"lines\":120,\"words\":990,\"note\":\"plain text, as logs have it\"}"
  return (0..<500).map { isText ? Array(text.utf8)[$0 % text.utf8.count] : UInt8(truncatingIfNeeded: $0 &* 151 &+ 128) }
}

/// Of all files of a store.
func byteCount(_ path: String) -> Int {
  var sum = 0
  guard let directory = opendir(path) else { return 0 }
  defer { closedir(directory) }
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
    }
    var status = stat()
    if stat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG { sum += Int(status.st_size) }
  }
  return sum
}
