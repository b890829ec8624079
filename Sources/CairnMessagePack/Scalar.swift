/// A number, a truth value or a text: one value of MessagePack.
protocol Scalar: Codable, DirectlyPacked {
  var item: Item { get }

  /// - Parameter path: of errors.
  /// - Throws: `DecodingError` if it is another type, or not in the range of this one.
  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws
}

extension Bool: Scalar {
  var item: Item { .bool(self) }

  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws {
    guard case .bool(let flag) = value else { throw value.isNot(Self.self, at: path()) }
    self = flag
  }
}

extension String: Scalar {
  var item: Item { .text(self) }

  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws {
    guard case .text(let range) = value else { throw value.isNot(Self.self, at: path()) }
    guard let text = document.text(range) else {
      throw DecodingError.dataCorrupted(.init(codingPath: path(), debugDescription: "The text is not UTF-8."))
    }
    self = text
  }
}

// MARK: Numbers

extension Double: Scalar {
  var item: Item { .double(self) }

  /// Of integers the nearest, as everywhere where JSON is read.
  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws {
    switch value {
    case .double(let number): self = number
    case .float(let number): self = Double(number)
    case .unsigned(let number): self = Double(number)
    case .negative(let number): self = Double(number)
    default: throw value.isNot(Self.self, at: path())
    }
  }
}

extension Float: Scalar {
  var item: Item { .float(self) }

  /// Only what it holds exactly.
  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws {
    let exact: Float? =
      switch value {
      case .float(let number): number
      case .double(let number): number.isNaN ? Float(number) : Float(exactly: number)
      case .unsigned(let number): Float(exactly: number)
      case .negative(let number): Float(exactly: number)
      default: throw value.isNot(Self.self, at: path())
      }
    guard let exact else { throw value.doesNotFit(Self.self, at: path()) }
    self = exact
  }
}

extension Scalar where Self: FixedWidthInteger {
  init(from value: Document.Value, of document: Document, at path: @autoclosure () -> [any CodingKey]) throws {
    let exact: Self? =
      switch value {
      case .unsigned(let number): Self(exactly: number)
      case .negative(let number): Self(exactly: number)
      default: throw value.isNot(Self.self, at: path())
      }
    guard let exact else { throw value.doesNotFit(Self.self, at: path()) }
    self = exact
  }
}

extension Scalar where Self: FixedWidthInteger & SignedInteger {
  var item: Item { .signed(Int64(self)) }
}

extension Scalar where Self: FixedWidthInteger & UnsignedInteger {
  var item: Item { .unsigned(UInt64(self)) }
}

extension Int: Scalar {}
extension Int8: Scalar {}
extension Int16: Scalar {}
extension Int32: Scalar {}
extension Int64: Scalar {}
extension UInt: Scalar {}
extension UInt8: Scalar {}
extension UInt16: Scalar {}
extension UInt32: Scalar {}
extension UInt64: Scalar {}
