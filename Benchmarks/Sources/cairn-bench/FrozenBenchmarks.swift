import BenchmarkSupport
import Cairn
import Glibc

/// Frozen stores beside the stores that they are made from.
func benchmarkFrozen(_ report: inout Report, _ folder: String) throws {
  let count = 1_000_000
  report.heading("Frozen stores: 1 M keys of 16 bytes, values of 100 bytes, one thread, warm, value copied out")
  let keys = Keys(count: count, seed: 1)
  let order = Keys(shuffling: keys, seed: 2)
  let absent = Keys(count: count, seed: 3)
  defer { [keys, order, absent].forEach { $0.free() } }
  let value = [UInt8](repeating: 7, count: 100)
  let (path, file) = (folder + "/store", folder + "/frozen")
  var store = try Store.open(at: path)
  try fill(store, keys, value, batch: 1000)
  try store.close()
  store = try Store.open(at: path)
  let making = try interleaved(
    5,
    [
      { try nanoseconds(per: count) { try store.freeze(to: file) } },
      {
        try nanoseconds(per: count) {
          let builder = try FrozenStoreBuilder(path: file)
          for number in 0..<count { try builder.add(value, for: keys[number]) }
          try builder.finish()
        }
      },
    ])
  for (name, sample) in zip(["freeze of a store", "made of entries, without a store"], making) {
    report.row(
      name, "\(String(1000 / sample.median, digits: 2)) M/s", "≥ 1 M/s", isMet: sample.median <= 1000)
  }
  try store.freeze(to: file)
  let opening = try interleaved(99, [{ try nanoseconds(per: 1) { _ = try FrozenStore.open(file) } }])[0]
  report.row("open", "\(String(opening.median / 1000, digits: 0)) µs", "≤ 1 ms", isMet: opening.median <= 1e6)
  let frozen = try FrozenStore.open(file)
  report.row("verify", "\(String(try nanoseconds(per: 1) { try frozen.verify() } / 1e6, digits: 0)) ms")
  let samples = try interleaved(
    9,
    [
      { try nanoseconds(per: count) { try getAll(store, order) } },
      { try nanoseconds(per: count) { try getAll(frozen, order) } },
      { try nanoseconds(per: count) { try miss(store, absent) } },
      { try nanoseconds(per: count) { try miss(frozen, absent) } },
      { try nanoseconds(per: count) { try getMany(frozen, order) } },
    ])
  let (get, frozenGet, missed, frozenMissed, many) = (samples[0], samples[1], samples[2], samples[3], samples[4])
  report.row("get, store", "\(String(get.median, digits: 0)) ns")
  report.row("get, frozen", "\(String(frozenGet.median, digits: 0)) ns")
  let ratio = frozenGet.ratio(to: get)
  report.row("get, frozen / store", String(ratio, digits: 2), "≤ 1", isMet: ratio <= 1)
  report.row("miss, store", "\(String(missed.median, digits: 0)) ns")
  report.row("miss, frozen", "\(String(frozenMissed.median, digits: 0)) ns")
  report.row("32 keys a call, frozen, per key", "\(String(many.median, digits: 0)) ns")
  let raw = count * 116
  report.row("keys and values", "\(raw) bytes")
  report.row(
    "store, all its files", "\(byteCount(path)) bytes (\(String(Double(byteCount(path)) / Double(raw), digits: 2)))")
  report.row("frozen", "\(frozen.byteCount) bytes (\(String(Double(frozen.byteCount) / Double(raw), digits: 2)))")
  try store.close()
  removeTree(path)
  try benchmarkPackages(&report, path, file)
}

/// The index of Debian's packages, as JSON: what compression is for.
private func benchmarkPackages(_ report: inout Report, _ path: String, _ file: String) throws {
  let packages = packagesAsJSON()
  guard !packages.isEmpty else { return report.note("no lists of packages here (apt update gets them)") }
  let raw = packages.reduce(0) { $0 + $1.value.count }
  report.heading("Frozen stores: \(packages.count) records of JSON, \(raw / packages.count) bytes on average")
  let store = try Store.open(at: path)
  for package in packages { try store.put(package.value, for: package.key) }
  for (name, compression) in [
    ("as they are", FrozenStore.Compression.none), ("zstd 3", .zstd()),
    ("zstd 3, dictionary", .zstd(trainsDictionary: true)),
    ("zstd 19, dictionary", .zstd(level: 19, trainsDictionary: true)),
  ] {
    var options = FrozenStore.BuildOptions()
    options.compression = compression
    let spent = try nanoseconds(per: 1) { try store.freeze(to: file, options: options) }
    let frozen = try FrozenStore.open(file)
    var random = Random(state: 1)
    let order = packages.indices.shuffled(using: &random)
    let get = try interleaved(
      5,
      [
        {
          try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 16) { buffer in
            try nanoseconds(per: order.count) {
              for number in order {
                let found = try frozen.copyValue(for: packages[number].key, into: buffer)
                precondition(found == packages[number].value.count)
              }
            }
          }
        }
      ])[0]
    let ratio = Double(frozen.byteCount) / Double(raw)
    let isTarget = name == "zstd 3, dictionary"
    report.row(
      name, "\(String(ratio, digits: 3)) of raw", isTarget ? "≤ 0.34" : "", isMet: isTarget ? ratio <= 0.34 : nil)
    report.row(
      "… get", "\(String(get.median / 1000, digits: 2)) µs", isTarget ? "≤ 3 µs" : "",
      isMet: isTarget ? get.median <= 3000 : nil)
    report.row("… made in", "\(String(spent / 1e9, digits: 2)) s")
  }
  try store.close()
  removeTree(path)
}

private func packagesAsJSON() -> [(key: String, value: [UInt8])] {
  guard let pipe = popen("/usr/lib/apt/apt-helper cat-file /var/lib/apt/lists/*_Packages* 2>/dev/null", "r") else {
    return []
  }
  defer { pclose(pipe) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = fread(&part, 1, part.count, pipe)
    if count == 0 { break }
    bytes += part[..<count]
  }
  var packages: [String: [UInt8]] = [:]
  var fields: [(name: Substring, text: String)] = []
  for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
    if line.isEmpty {
      if let name = fields.first?.text {
        let members = fields.map { "\"\($0.name)\": \"\(escaped($0.text))\"" }
        packages[name] = Array("{\(members.joined(separator: ", "))}".utf8)
      }
      fields = []
    } else if line.utf8.first == UInt8(ascii: " "), !fields.isEmpty {
      fields[fields.count - 1].text += "\n" + line
    } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
      let text = line[line.utf8.index(after: colon)...].drop { $0 == " " }
      fields.append((line[..<colon], String(text)))
    }
  }
  return packages.map { ($0.key, $0.value) }.sorted { $0.key < $1.key }
}

private func escaped(_ text: String) -> String {
  var result = ""
  for character in text.unicodeScalars {
    switch character {
    case "\"", "\\": result += "\\\(character)"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    default: result.unicodeScalars.append(character)
    }
  }
  return result
}

private func getAll(_ store: FrozenStore, _ keys: Keys) throws {
  try withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { buffer in
    var sum = 0
    for number in 0..<keys.count {
      sum += try store.copyValue(for: keys[number], into: buffer) ?? 0
      sum += Int(buffer[0])
    }
    precondition(sum == keys.count * 107, "the store finds every key")
  }
}

private func getMany(_ store: FrozenStore, _ keys: Keys) throws {
  try withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { buffer in
    var sum = 0
    for start in stride(from: 0, to: keys.count, by: 32) {
      let group = (start..<min(start + 32, keys.count)).lazy.map { keys[$0] }
      try store.withValues(for: group) { _, value in
        guard let value else { return }
        value.withUnsafeBytes { buffer.copyMemory(from: $0) }
        sum += value.byteCount + Int(buffer[0])
      }
    }
    precondition(sum == keys.count * 107, "the store finds every key")
  }
}

private func miss(_ store: FrozenStore, _ keys: Keys) throws {
  var found = 0
  for number in 0..<keys.count where try store.contains(keys[number]) { found += 1 }
  precondition(found == 0, "keys of another seed are not there")
}
