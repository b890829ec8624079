internal import Cairn
internal import CairnIndex

/// A value as an index of equality keeps it: its type, and its bytes as they stand in a record.
enum StoredValue {
  /// Values of one class can be compared with each other; the classes are in this order.
  enum Class: Int, CaseIterable { case number, date, string }

  static func `class`(_ bytes: Bytes) -> Class {
    switch kind(bytes) {
    case .integer, .real: .number
    case .date: .date
    case .string, .tags: .string
    }
  }

  private static func kind(_ bytes: Bytes) -> EncodedAttributes.Kind {
    guard let kind = EncodedAttributes.Kind(rawValue: bytes.load(0, as: UInt8.self)) else {
      preconditionFailure("a value without a type")
    }
    return kind
  }

  private static func integer(_ bytes: Bytes) -> Int64 { bytes.load(1, as: Int64.self) }
  private static func real(_ bytes: Bytes) -> Double { Double(bitPattern: bytes.load(1, as: UInt64.self)) }

  static func value(_ bytes: Bytes) -> Attributes.Value {
    switch kind(bytes) {
    case .integer: .integer(integer(bytes))
    case .date: .date(milliseconds: integer(bytes))
    case .real: .real(real(bytes))
    case .string, .tags: .string(bytes.dropFirst(1).text())
    }
  }

  /// `nil` for what such an index does not have: tags, and what is not a number.
  static func bytes(_ value: Attributes.Value) -> [UInt8]? {
    switch value {
    case .string(let text): [EncodedAttributes.Kind.string.rawValue] + text.utf8
    case .integer(let number): bytes(.integer, UInt64(bitPattern: number))
    case .date(let milliseconds): bytes(.date, UInt64(bitPattern: milliseconds))
    case .real(let number): number.isNaN ? nil : bytes(.real, (number == 0 ? 0 : number).bitPattern)
    case .tags: nil
    }
  }

  private static func bytes(_ kind: EncodedAttributes.Kind, _ word: UInt64) -> [UInt8] {
    [kind.rawValue] + (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
  }

  /// The stored values that equal this one: numbers may be stored as integers and as reals.
  static func equals(_ value: Attributes.Value) -> [[UInt8]] {
    var all = bytes(value).map { [$0] } ?? []
    switch value {
    case .integer(let number):
      let real = Double(number)
      if Int64(exactly: real) == number, let other = bytes(.real(real)) { all.append(other) }
    case .real(let number):
      if let integer = Int64(exactly: number), let other = bytes(.integer(integer)) { all.append(other) }
    default: break
    }
    return all
  }

  /// Less than, equal to or greater than 0.
  static func order(_ a: Bytes, _ b: Bytes) -> Int {
    let (classOfA, classOfB) = (`class`(a), `class`(b))
    if classOfA != classOfB { return classOfA.rawValue - classOfB.rawValue }
    if classOfA == .string { return a.order(b) }
    guard let order = value(a).order(to: value(b)) else { preconditionFailure("values of one class have an order") }
    return order
  }
}
