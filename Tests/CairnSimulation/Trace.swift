/// What is asked of a cache, one request after the other, and how large the caches are that it is tried on.
package struct Trace: Sendable {
  package struct Request: Sendable {
    package let key: UInt64
    package var byteCount: Int

    package init(key: UInt64, byteCount: Int = 1) { (self.key, self.byteCount) = (key, byteCount) }
  }

  /// What capacities are counted in.
  package enum Unit: String, Sendable, Codable {
    case entries
    case mebibytes = "MiB"

    /// How much of what requests weigh is one of them.
    package var weight: Int { self == .entries ? 1 : 1 << 20 }
  }

  package let name: String
  /// One line, without a full stop.
  package let about: String
  package let isPublic: Bool
  package let requests: [Request]
  package let unit: Unit
  /// In that unit.
  package let sizes: [Int]

  package init(
    _ name: String, _ about: String, isPublic: Bool = false, _ requests: [Request], unit: Unit = .entries, sizes: [Int]
  ) {
    (self.name, self.about, self.isPublic) = (name, about, isPublic)
    (self.requests, self.unit, self.sizes) = (requests, unit, sizes)
  }

  /// In what requests weigh.
  package var capacities: [Int] { sizes.map { $0 * unit.weight } }

  package var keyCount: Int { Set(requests.map(\.key)).count }
}
