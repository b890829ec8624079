/// The place of something that takes it at once when it is whole, and the names beside it until then.
struct TargetName {
  let parent: String
  let name: String
  private let randomNumber: (@Sendable () -> UInt64)?

  /// What a file is kept as when another one replaces it.
  static let previousSuffix = ".previous"

  /// - Parameter what: whose path it is, for the error.
  init(
    _ path: String, of what: String, randomNumber: (@Sendable () -> UInt64)? = nil
  ) throws(StoreError) {
    self.randomNumber = randomNumber
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, !name.isEmpty, name != ".", name != "..", !path.utf8.contains(0) else {
      throw StoreError(.invalidOption, "\(what)'s path must end with a name", file: path)
    }
    let parent = parts.dropLast().joined(separator: "/")
    self.parent = parent.isEmpty ? (parts.count > 1 ? "/" : ".") : parent
    self.name = String(name)
  }

  /// A name that nothing has.
  func unused(_ suffix: String = temporarySuffix) throws(StoreError) -> String {
    name + "." + String(hex: try System.random(randomNumber)) + suffix
  }

  /// Whether ``unused(_:)`` makes such names.
  func isUnused(_ other: String, _ suffix: String = temporarySuffix) -> Bool {
    guard other.hasPrefix(name + "."), other.hasSuffix(suffix) else { return false }
    let digits = other.utf8.dropFirst(name.utf8.count + 1).dropLast(suffix.utf8.count)
    return digits.count == 16 && digits.allSatisfy { "0123456789abcdef".utf8.contains($0) }
  }
}
