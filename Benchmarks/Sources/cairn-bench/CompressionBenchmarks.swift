import BenchmarkSupport
import Cairn

/// What compression saves and costs, on records that somebody really has: Debian's index of packages, as JSON.
func benchmarkCompression(_ report: inout Report, _ folder: String) throws {
  report.heading("Compression: Debian's index of packages, a JSON object for each")
  let packages = PackageIndex.load()
  if packages.values.isEmpty {
    report.note("left out: apt has no lists of packages here (apt-get update fetches them)")
    return
  }
  let count = packages.keys.count
  let raw = packages.values.reduce(0) { $0 + $1.count }
  report.note("\(count) values of \(raw / count) bytes on average, keys not counted")
  var settings = [Setting(name: "none", compression: .none)]
  settings += [-5, 1, 3, 9, 19].map { Setting(name: "zstd \($0)", compression: .zstd(level: $0, dictionary: .none)) }
  settings += [3, 9].map {
    Setting(name: "zstd \($0), dictionary", compression: .zstd(level: $0), sizeTarget: 0.34, getTarget: 3000)
  }
  settings.append(
    Setting(name: "zstd 3, dictionary, recompressed at 9", compression: .zstd(), recompression: 9, getTarget: 3000))
  var stores: [Store] = []
  for setting in settings {
    let name = setting.name
    var options = Store.Options(.createIfMissing, durability: .relaxed)
    options.compression = setting.compression
    let store = try Store.open(at: "\(folder)/compression-\(stores.count)", options: options)
    var put = try nanoseconds(per: count) {
      for number in 0..<count { try store.put(packages.values[number], for: packages.keys[number]) }
      try store.sync()
    }
    if setting.compression.hasDictionary {
      report.row("\(name): log as it was filled, trained meanwhile", String(ratio(store, raw), digits: 3))
      // As with a store that has been in use for a while: the dictionary knows it all before anything is written. What
      // compaction has moved takes 8 bytes more, for its version.
      let training = try nanoseconds(per: 1) { try store.trainDictionary() }
      report.row("\(name): trainDictionary", "\(String(training / 1e9, digits: 2)) s")
      for key in packages.keys { try store.remove(key) }
      try store.compact()
      put = try nanoseconds(per: count) {
        for number in 0..<count { try store.put(packages.values[number], for: packages.keys[number]) }
        try store.sync()
      }
    }
    report.row("\(name): put, .relaxed", "\(String(put / 1000, digits: 2)) µs")
    if let level = setting.recompression {
      let recompressing = try nanoseconds(per: count) { try store.recompress(level: level) }
      report.row("\(name): recompress, for each value", "\(String(recompressing / 1000, digits: 2)) µs")
    }
    let stored = ratio(store, raw)
    report.row(
      "\(name): log, headers and all / values", String(stored, digits: 3),
      setting.sizeTarget.map { "≤ \(String($0, digits: 2))" } ?? "", isMet: setting.sizeTarget.map { stored <= $0 })
    stores.append(store)
  }
  var random = Random(state: 1)
  let lookups = PackageLookups(packages, &random)
  let samples = try interleaved(
    5, stores.map { store in { try nanoseconds(per: count) { try getAll(store, lookups, largest: packages.largest) } } }
  )
  for (setting, sample) in zip(settings, samples) {
    report.row(
      "\(setting.name): get", "\(String(sample.median / 1000, digits: 2)) µs",
      setting.getTarget == nil ? "" : "≤ 3 µs", isMet: setting.getTarget.map { sample.median <= $0 })
  }
  for (number, store) in stores.enumerated() {
    try store.close()
    removeTree("\(folder)/compression-\(number)")
  }
}

/// Bytes of log for each byte of values.
private func ratio(_ store: Store, _ raw: Int) -> Double {
  let statistics = store.statistics
  return Double(statistics.liveBytes + statistics.deadBytes) / Double(raw)
}

extension Store.Compression {
  fileprivate var hasDictionary: Bool {
    if case .zstd(_, .trained) = self { return true }
    return false
  }
}

private struct Setting {
  let name: String
  let compression: Store.Compression
  /// The level at which everything is compressed anew.
  var recompression: Int?
  var sizeTarget: Double?
  /// Nanoseconds.
  var getTarget: Double?
}

private func getAll(_ store: Store, _ lookups: PackageLookups, largest: Int) throws {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 64)
  defer { buffer.deallocate() }
  try lookups.forEach { key, valueBytes in
    let count = try store.copyValue(for: key, into: buffer)
    precondition(count == valueBytes, "the store finds every key")
  }
}
