package import Cairn

/// What compression would save: every level and size of dictionary tried on a sample of a store's values.
package struct Recompression {
  struct Trial: Equatable {
    let level: Int
    /// 0: none.
    let dictionaryBytes: Int
    /// Values of the sample that it makes smaller by `leastSaving` at least, and their bytes as they were.
    var compressed = 0
    var compressedFrom = 0
    /// Of all values of the sample, the others as they are; the dictionary is not in it.
    var storedBytes = 0
    var compressionNanoseconds = 0
    var decompressionNanoseconds = 0
  }

  private(set) var trials: [Trial] = []
  /// Values that were tried, and their bytes; as many others trained the dictionaries.
  private(set) var values = 0
  private(set) var bytes = 0
  private(set) var storeValues = 0

  /// A value is compressed only if that saves an eighth of it.
  private static let leastSaving = 8
  private static let levels = [-5, -1, 1, 3, 6, 9, 12, 19]
  private static let dictionaries = [0, 16 << 10, 112 << 10]

  /// - Parameter sampleBytes: about how many bytes of values are read, evenly spread over the entries.
  package init(
    _ store: StoreDirectory, sampleBytes: Int, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    var reader = try EntryReader(store, filter: .all, progress: progress)
    if let error = reader.damage { throw error }
    storeValues = reader.count
    var (training, trying): ([[UInt8]], [[UInt8]]) = ([], [])
    let step = max(1, reader.valueBytes / max(1, sampleBytes))
    var isTried = false
    try reader.forEach(.version, step: step) { (entry) throws(StoreError) in
      // By turns over the store, so that both parts are like it.
      if isTried { trying.append(entry.value) } else { training.append(entry.value) }
      isTried.toggle()
      return true
    }
    if let error = reader.leftOut, error.code == .damaged { throw error }
    trying.removeAll { $0.isEmpty }
    training.removeAll { $0.isEmpty }
    values = trying.count
    bytes = trying.reduce(0) { $0 + $1.count }
    let total = Self.dictionaries.count * Self.levels.count
    for size in Self.dictionaries {
      var dictionary: [UInt8] = []
      if size > 0 {
        // Few values make no more of a dictionary, however large it may be.
        guard let trained = Zstd.train(training, byteCount: size), trained.count != trials.last?.dictionaryBytes else {
          continue
        }
        dictionary = trained
      }
      for level in Self.levels {
        try progress?.advance(to: trials.count, of: total)
        trials.append(try Self.attempt(trying, level, dictionary))
      }
    }
  }

  private static func attempt(
    _ values: [[UInt8]], _ level: Int, _ dictionary: [UInt8]
  ) throws(StoreError) -> Trial {
    var trial = Trial(level: level, dictionaryBytes: dictionary.count)
    let zstd = try Zstd(level: level, dictionary: dictionary)
    let largest = values.map(\.count).max() ?? 0
    var target = [UInt8](repeating: 0, count: Zstd.bound(largest))
    var back = [UInt8](repeating: 0, count: largest)
    for value in values {
      let start = System.nanoseconds()
      guard let count = zstd.compress(value, into: &target) else {
        throw StoreError(.system, "zstd could not compress a value of \(value.count) bytes")
      }
      let middle = System.nanoseconds()
      trial.compressionNanoseconds += Int(middle - start)
      guard count <= value.count - value.count / leastSaving - 1 else {
        trial.storedBytes += value.count
        continue
      }
      guard zstd.decompress(target[..<count], into: &back) == value.count, back.starts(with: value) else {
        throw StoreError(.system, "zstd gave back another value than it was given")
      }
      trial.decompressionNanoseconds += Int(System.nanoseconds() - middle)
      trial.compressed += 1
      trial.compressedFrom += value.count
      trial.storedBytes += count
    }
    return trial
  }

  /// Of those that are within a twentieth of the smallest, that with the smallest dictionary, and of these the lowest
  /// level, which is the fastest; `nil` if none saves an eighth.
  var choice: Trial? {
    guard let least = trials.map(\.storedBytes).min(), least <= bytes - bytes / Self.leastSaving, bytes > 0 else {
      return nil
    }
    return trials.filter { $0.storedBytes <= least + least / 20 }
      .min { ($0.dictionaryBytes, $0.level) < ($1.dictionaryBytes, $1.level) }
  }

  package var text: String {
    func rate(_ bytes: Int, _ nanoseconds: Int) -> String { nanoseconds == 0 ? "-" : "\(bytes * 1000 / nanoseconds)" }
    let rows = trials.map { trial in
      let hundredths = trial.storedBytes == 0 ? 0 : bytes * 100 / trial.storedBytes
      return [
        "zstd \(trial.level)", trial.dictionaryBytes == 0 ? "-" : "\(trial.dictionaryBytes)",
        "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)", "\(trial.storedBytes)",
        values == 0 ? "-" : "\(trial.compressed * 100 / values) %",
        rate(bytes, trial.compressionNanoseconds), rate(trial.compressedFrom, trial.decompressionNanoseconds),
        trial == choice ? "<" : "",
      ]
    }
    let table = Table(
      header: ["codec", "dictionary", "ratio", "bytes", "compressed", "MB/s in", "MB/s out", ""], rows: rows)
    let sample = "\(values) of \(storeValues) values tried, \(bytes) bytes\n"
    guard let choice else { return sample + table.text(numbersFrom: 1) + "choice: none, as nothing saves an eighth\n" }
    let dictionary = choice.dictionaryBytes == 0 ? "no dictionary" : "a dictionary of \(choice.dictionaryBytes) bytes"
    return sample + table.text(numbersFrom: 1) + "choice: zstd \(choice.level) with \(dictionary)\n"
  }

  package var json: String {
    func json(_ trial: Trial) -> JSON {
      .object([
        ("codec", .string("zstd")), ("level", .integer(trial.level)),
        ("dictionaryBytes", .integer(trial.dictionaryBytes)),
        ("storedBytes", .integer(trial.storedBytes)), ("compressedValues", .integer(trial.compressed)),
        ("compressionNanoseconds", .integer(trial.compressionNanoseconds)),
        ("decompressionNanoseconds", .integer(trial.decompressionNanoseconds)),
      ])
    }
    let value = JSON.object([
      ("storeValues", .integer(storeValues)), ("values", .integer(values)), ("bytes", .integer(bytes)),
      ("trials", .array(trials.map(json))), ("choice", choice.map(json) ?? .null),
    ])
    return value.text(indentation: 0) + "\n"
  }
}
