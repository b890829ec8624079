import BenchmarkSupport

/// What a run leaves: `Results/latest.json` is this, encoded.
struct Results: Codable {
  var machine: Machine
  /// The day and time in UTC, ISO 8601.
  var date: String
  var commit: String
  var command: String
  /// How figures came about, in sentences.
  var method: [String]
  var engines: [Engine]
  var rows: [Row] = []

  struct Engine: Codable {
    var name: String
    var version: String
    var settings: String
  }
}

/// One figure: of one engine, or of Cairn against a peer (then `peer`, `ratio`, `target` and `pass` are there).
struct Row: Codable {
  var work: String
  var keys: Int
  /// Bytes.
  var valueSize: Int
  var threads: Int
  var durability: Durability
  var engine: String
  var nanosecondsPerOp: Spread?
  var latency: Latency?
  /// Bytes that the files take, for each byte of keys and values.
  var bytesOnDiskPerByte: Double?
  /// Bytes given to the system for each byte of keys and values that was put.
  var bytesWrittenPerByte: Double?
  /// Bytes of memory at the most, mapped files included.
  var peakMemory: Int?

  /// The other side of a contest, and its figure.
  var peer: String?
  var peerNanosecondsPerOp: Spread?
  /// How many times faster than the peer: the median of the rounds' ratios, and the extremes.
  var ratio: Spread?
  /// The ratio that is to be reached.
  var target: Double?
  var pass: Bool?
  /// What is compared, where it is not the time of an operation.
  var measure: String?
}

/// The median of some rounds, and the extremes.
struct Spread: Codable {
  var median: Double
  var lowest: Double
  var highest: Double
  var rounds: Int

  init(_ samples: Samples) {
    median = samples.median
    lowest = samples.lowest
    highest = samples.highest
    rounds = samples.values.count
  }
}

/// Nanoseconds that the given share of the operations did not exceed.
struct Latency: Codable {
  var p50: UInt64
  var p90: UInt64
  var p99: UInt64
  var p999: UInt64
  var p9999: UInt64
  var maximum: UInt64

  init(_ histogram: Histogram) {
    p50 = histogram.value(at: 0.5)
    p90 = histogram.value(at: 0.9)
    p99 = histogram.value(at: 0.99)
    p999 = histogram.value(at: 0.999)
    p9999 = histogram.value(at: 0.9999)
    maximum = histogram.maximum
  }
}
