package import Cairn

/// Something that there is to say about a file of a store.
package struct Finding: Equatable, Sendable {
  package enum Severity: String, Sendable {
    /// As it may be in a healthy store.
    case note
    /// Of a newer version.
    case notUnderstood
    case damaged
  }

  package let severity: Severity
  package let message: String
  /// Path of the file or directory concerned.
  package let file: String?
  /// In bytes from the file's start.
  package let offset: Int?

  init(_ severity: Severity, _ message: String, file: String?, at offset: Int? = nil) {
    self.severity = severity
    self.message = message
    self.file = file
    self.offset = offset
  }

  /// `nil` for errors that say nothing about the store, such as those of the disk.
  package init?(_ error: StoreError) {
    switch error.code {
    case .damaged, .notAStore: self.init(.damaged, error.message, file: error.file, at: error.byteOffset)
    case .unsupportedFormat: self.init(.notUnderstood, error.message, file: error.file, at: error.byteOffset)
    default: return nil
    }
  }

  var error: StoreError {
    StoreError(
      severity == .notUnderstood ? .unsupportedFormat : .damaged, message, file: file, byteOffset: offset)
  }
}

/// Findings in the order in which they were made, each place once. A hostile file cannot make it grow without end.
struct Findings {
  static let listed = 100

  private(set) var all: [Finding] = []
  /// Those that were not listed any more.
  private(set) var omitted = 0
  /// The first of each severity, whether it is listed or not.
  private var firsts: [Finding.Severity: Finding] = [:]

  mutating func add(_ finding: Finding) {
    let isKnown = all.contains { $0.file == finding.file && $0.offset == finding.offset && $0.severity != .note }
    if isKnown && finding.severity != .note { return }
    if firsts[finding.severity] == nil { firsts[finding.severity] = finding }
    if all.count < Self.listed { all.append(finding) } else { omitted += 1 }
  }

  func first(_ severity: Finding.Severity) -> Finding? { firsts[severity] }
}

/// With two decimals.
func hundredths(_ ratio: Double) -> String {
  let number = Int((min(ratio, 1e12) * 100).rounded())
  return "\(number / 100).\(number / 10 % 10)\(number % 10)"
}

/// A number and what is counted.
func counted(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
}
