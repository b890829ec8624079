package import Cairn

/// An entry as a line of JSON, which says all that there is to say of it (SPEC 8):
/// `{"key": "…", "value": "…", "version": 7, "deadline": 1700000000000, "attributes": {"model": "small"}}`.
package struct DumpLine: Equatable {
  package var key: [UInt8]
  package var value: [UInt8]
  /// Of the store that it was written from; 0 if the line does not say.
  package var version: UInt64
  /// Milliseconds since 1970.
  package var deadline: Int64?
  package var attributes: Attributes = [:]

  /// Without the line feed.
  package var text: [UInt8] {
    var output: [UInt8] = []
    Self.appendStart(unsafe MemoryView(key.span.bytes), to: &output)
    output.append(", ")
    JSONText.appendMember("value", unsafe MemoryView(value.span.bytes), to: &output)
    Self.appendEnd(version, deadline, attributes, to: &output)
    return output
  }

  /// What stands before the value.
  static func appendStart(_ key: MemoryView, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    JSONText.appendMember("key", key, to: &output)
  }

  /// What stands behind the value.
  static func appendEnd(
    _ version: UInt64, _ deadline: Int64?, _ attributes: Attributes, to output: inout [UInt8]
  ) {
    output.append(", \"version\": ")
    output += String(version).utf8
    if let deadline {
      output.append(", \"deadline\": ")
      output += String(deadline).utf8
    }
    DumpAttributes.append(attributes, to: &output)
    output.append(UInt8(ascii: "}"))
  }
}
