internal import Cairn

/// Numbers as keys of 64 bits that order as they do.
enum NumberKey {
  private static let sign: UInt64 = 1 << 63

  static func key(_ integer: Int64) -> UInt64 { UInt64(bitPattern: integer) ^ sign }
  static func integer(_ key: UInt64) -> Int64 { Int64(bitPattern: key ^ sign) }

  /// Of a number that is one, and not −0.
  static func key(_ real: Double) -> UInt64 {
    let bits = real.bitPattern
    return bits & sign != 0 ? ~bits : bits | sign
  }
  static func real(_ key: UInt64) -> Double { Double(bitPattern: key & sign != 0 ? key ^ sign : ~key) }

  /// Where an operand stands among the keys of a field, exactly: `nil` behind all of them.
  struct Place {
    /// The first key of a number that is not less.
    let first: UInt64?
    /// The first key of a number that is greater.
    let behind: UInt64?
  }

  /// `nil` if the numbers of the field are not compared with such values.
  static func place(of operand: Attributes.Value, among number: AttributeIndex.Number) -> Place? {
    switch (number, operand) {
    case (.integer, .integer(let integer)), (.date, .date(let integer)):
      Place(first: key(integer), behind: integer == .max ? nil : key(integer + 1))
    case (.integer, .real(let real)): real.isNaN ? nil : place(of: real)
    case (.real, .real(let real)): real.isNaN ? nil : placeAmongReals(of: real)
    case (.real, .integer(let integer)): placeAmongReals(of: integer)
    default: nil
    }
  }

  /// Of a real among integers.
  private static func place(of real: Double) -> Place {
    if real >= 0x1p63 { return Place(first: nil, behind: nil) }
    if real < -0x1p63 { return Place(first: 0, behind: 0) }
    // Less than 2⁶³ − 1: reals of that size are multiples of 1,024.
    return Place(first: key(Int64(real.rounded(.up))), behind: key(Int64(real.rounded(.down)) + 1))
  }

  private static func placeAmongReals(of real: Double) -> Place {
    let key = key(real == 0 ? 0 : real)
    return Place(first: key, behind: key + 1)
  }

  private static func placeAmongReals(of integer: Int64) -> Place {
    let nearest = Double(integer)
    let key = key(nearest)
    // Where 2⁶³ is the nearest, the integer is less.
    guard let back = Int64(exactly: nearest) else { return Place(first: key, behind: key) }
    if back == integer { return Place(first: key, behind: key + 1) }
    return back > integer ? Place(first: key, behind: key) : Place(first: key + 1, behind: key + 1)
  }
}
