import Cairn
import Foundation

/// A line of the dump (F1-DMP-001, F1-DMP-002), by other means than the engine's tools.
enum DumpText {
  static func line(_ entry: borrowing EntryView) -> String {
    let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
    let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
    let deadline = entry.deadline.map { ", \"deadline\": \($0)" } ?? ""
    return "{\(member("key", key)), \(member("value", value)), \"version\": \(entry.version)\(deadline)}\n"
  }

  private static func member(_ name: String, _ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return "\"\(name)Base64\": \"\(Data(bytes).base64EncodedString())\""
    }
    let short: [UInt16: String] = [
      0x22: "\\\"", 0x5C: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r",
    ]
    let escaped = text.utf16.map { unit -> String in
      let isPlain = (0x20...0x7E).contains(unit)
      return short[unit] ?? (isPlain ? String(UnicodeScalar(UInt8(unit))) : String(format: "\\u%04x", unit))
    }
    return "\"\(name)\": \"\(escaped.joined())\""
  }
}
