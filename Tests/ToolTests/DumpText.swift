import Cairn
import Foundation

/// A line of the dump (F1-DMP-001, F1-DMP-002), by other means than the engine's tools.
enum DumpText {
  static func line(_ entry: borrowing EntryView) -> String {
    let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
    let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
    let deadline = entry.deadline.map { ", \"deadline\": \($0)" } ?? ""
    let entryText = "\(member("key", key)), \(member("value", value)), \"version\": \(entry.version)\(deadline)"
    return "{\(entryText)\(attributes(Attributes(entry.attributes)))}\n"
  }

  /// F1-DMP-005.
  private static func attributes(_ attributes: Attributes) -> String {
    if attributes.isEmpty { return "" }
    let members = attributes.map { name, value in
      let text =
        switch value {
        case .string(let text): quoted(text)
        case .integer(let number): String(number)
        case .real(let number): number.isInfinite ? "{\"real\": \"\(number)\"}" : number.description
        case .date(let milliseconds): "{\"date\": \(milliseconds)}"
        case .tags(let tags): "[\(tags.map(quoted).joined(separator: ", "))]"
        }
      return quoted(name) + ": " + text
    }
    return ", \"attributes\": {\(members.joined(separator: ", "))}"
  }

  private static func member(_ name: String, _ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return "\"\(name)Base64\": \"\(Data(bytes).base64EncodedString())\""
    }
    return "\"\(name)\": " + quoted(text)
  }

  private static func quoted(_ text: String) -> String {
    let short: [UInt16: String] = [
      0x22: "\\\"", 0x5C: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r",
    ]
    let escaped = text.utf16.map { unit -> String in
      let isPlain = (0x20...0x7E).contains(unit)
      return short[unit] ?? (isPlain ? String(UnicodeScalar(UInt8(unit))) : String(format: "\\u%04x", unit))
    }
    return "\"\(escaped.joined())\""
  }
}
