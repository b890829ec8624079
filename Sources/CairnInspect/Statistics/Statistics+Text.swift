internal import Cairn

extension Statistics {
  package var text: String {
    let puts = live.entries + expired.entries
    var text = Table(
      rows: [
        ["entries", "\(live.entries)"],
        ["live bytes", "\(live.bytes), of \(logBytes) of the log"],
        ["amplification", amplificationText],
        ["segments", "\(log.segments.count), and \(counted(log.gone?.ranges.count ?? 0, "range")) that are gone"],
        ["operations", "\(log.lastSequence), of which \(puts) puts still count"],
        ["expired", "\(expired.entries) entries of \(expired.bytes) bytes are not removed yet"],
        ["compression", compressionText],
        ["dictionaries", dictionariesText],
        ["probe lengths", probesText],
      ]
    ).text()
    text += "\n" + Self.table("key bytes", keys) + "\n" + Self.table("value bytes", values)
    text += "\n" + Self.table("ends within", Self.horizons.map(\.name) + ["never"], deadlines)
    text += "\n" + Self.table("in segments made within", Self.ages.map(\.name) + ["longer ago"], ages)
    let names = prefixes.map { $0.prefix.isEmpty ? "(none)" : Escaping.text($0.prefix) }
    text += "\n" + Self.table("prefix", names, prefixes.map(\.part), isSparse: false)
    if morePrefixes > 0 { text += "and \(morePrefixes) more\n" }
    return text
  }

  private var compressionText: String {
    if compressed.entries == 0 { return "none: values are stored as they are" }
    return "\(compressed.entries) values of \(compressed.bytes) bytes take \(compressedTo), "
      + "\(Self.percent(compressedTo, of: compressed.bytes))"
  }

  private var logBytes: Int { log.segments.reduce(0) { $0 &+ $1.end } }

  private func amplification(_ bytes: Int) -> String? {
    live.bytes > 0 ? hundredths(Double(bytes) / Double(live.bytes)) : nil
  }

  private var amplificationText: String {
    guard let log = amplification(logBytes), let disk = amplification(byteCountOnDisk) else { return "nothing is live" }
    return "the log takes \(log) times the live bytes, all files \(disk)"
  }

  private var dictionariesText: String {
    if log.dictionaryBytes.isEmpty { return "none" }
    return "\(log.dictionaryBytes.count) of \(log.segments.count) segments have one, \(dictionaryBytes) bytes in all"
  }

  private var dictionaryBytes: Int { log.dictionaryBytes.reduce(0, +) }

  private var probesText: String {
    guard let probes, probes.entries > 0 else { return "unknown: there is no checkpoint of the index" }
    let share = Self.percent(probes.counts[0], of: probes.entries)
    return "\(share) of the entries stand in their home bucket, the farthest \(probes.counts.count - 1) behind it; "
      + "\(Self.percent(probes.entries, of: probes.buckets * CheckpointFile.bucketEntries)) of the places are taken"
  }

  private static func percent(_ part: Int, of all: Int) -> String {
    guard all > 0 else { return "0 %" }
    let tenths = Int((Double(part) / Double(all) * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  private static func table(_ title: String, _ histogram: Histogram) -> String {
    let all = histogram.count
    let used = histogram.buckets.indices.filter { histogram.buckets[$0].count > 0 }
    let rows = used.map { number in
      let range = Histogram.range(number)
      let bucket = histogram.buckets[number]
      return [
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)", "\(bucket.count)",
        "\(bucket.bytes)", percent(bucket.count, of: all),
      ]
    }
    return Table(header: [title, "entries", "bytes", "of entries"], rows: rows).text(numbersFrom: 1)
  }

  private static func table(_ title: String, _ names: [String], _ parts: [Part], isSparse: Bool = true) -> String {
    let all = parts.reduce(0) { $0 + $1.bytes }
    let rows = zip(names, parts).filter { !isSparse || $1.entries > 0 }.map { name, part in
      [name, "\(part.entries)", "\(part.bytes)", percent(part.bytes, of: all)]
    }
    return Table(header: [title, "entries", "bytes", "of these bytes"], rows: rows).text(numbersFrom: 1)
  }

  // MARK: As JSON

  package var json: String {
    let value = JSON.object([
      ("path", .string(store.path)), ("entries", .integer(live.entries)), ("liveBytes", .integer(live.bytes)),
      ("logBytes", .integer(logBytes)), ("bytesOnDisk", .integer(byteCountOnDisk)),
      ("logAmplification", amplification(logBytes).map { .decimal($0) } ?? .null),
      ("diskAmplification", amplification(byteCountOnDisk).map { .decimal($0) } ?? .null),
      ("segments", .integer(log.segments.count)), ("goneRanges", .integer(log.gone?.ranges.count ?? 0)),
      ("lastSequence", .unsigned(log.lastSequence)),
      ("expiredEntries", .integer(expired.entries)), ("expiredBytes", .integer(expired.bytes)),
      ("compressedValues", .integer(compressed.entries)), ("compressedFrom", .integer(compressed.bytes)),
      ("compressedTo", .integer(compressedTo)), ("dictionaries", .integer(log.dictionaryBytes.count)),
      ("dictionaryBytes", .integer(dictionaryBytes)), ("damage", log.damage?.json ?? .null),
      ("keyBytes", keys.json), ("valueBytes", values.json),
      ("deadlines", Self.json(Self.horizons.map(\.name) + ["never"], deadlines)),
      ("ages", Self.json(Self.ages.map(\.name) + ["longer ago"], ages)),
      ("probeLengths", probes.map { .array($0.counts.map { .integer($0) }) } ?? .null),
      (
        "prefixes",
        .array(
          prefixes.map { prefix, part in
            .object([
              ("prefix", .string(Escaping.text(prefix))), ("entries", .integer(part.entries)),
              ("bytes", .integer(part.bytes)),
            ])
          })
      ),
      ("morePrefixes", .integer(morePrefixes)),
    ])
    return value.text(indentation: 0) + "\n"
  }

  private static func json(_ names: [String], _ parts: [Part]) -> JSON {
    .array(
      zip(names, parts).map { name, part in
        .object([("within", .string(name)), ("entries", .integer(part.entries)), ("bytes", .integer(part.bytes))])
      })
  }
}
