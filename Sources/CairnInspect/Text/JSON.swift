/// A value to be written as JSON. Members keep their order.
enum JSON {
  case object([(String, JSON)])
  case array([JSON])
  case string(String)
  case integer(Int)
  case unsigned(UInt64)
  /// Its digits.
  case decimal(String)
  case bool(Bool)
  case null

  static func optional(_ value: Int?) -> JSON { value.map { .integer($0) } ?? .null }
  static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

  /// - Parameter indentation: of the lines within; `nil`: all in one line.
  func text(indentation: Int? = nil) -> String {
    switch self {
    case .object(let members):
      let items = members.map { Self.quoted($0) + ": " + $1.text(indentation: indentation.map { $0 + 2 }) }
      return Self.enclosed("{", items, "}", indentation)
    case .array(let values):
      return Self.enclosed("[", values.map { $0.text(indentation: indentation.map { $0 + 2 }) }, "]", indentation)
    case .string(let string): return Self.quoted(string)
    case .integer(let number): return String(number)
    case .unsigned(let number): return String(number)
    case .decimal(let digits): return digits
    case .bool(let value): return value ? "true" : "false"
    case .null: return "null"
    }
  }

  private static func enclosed(_ open: String, _ items: [String], _ close: String, _ indentation: Int?) -> String {
    guard let indentation, !items.isEmpty else { return open + items.joined(separator: ", ") + close }
    let margin = String(repeating: " ", count: indentation)
    return open + "\n" + items.map { margin + "  " + $0 }.joined(separator: ",\n") + "\n" + margin + close
  }

  private static func quoted(_ string: String) -> String {
    var result: [UInt8] = []
    JSONText.append(string, to: &result)
    return String(decoding: result, as: UTF8.self)
  }
}
