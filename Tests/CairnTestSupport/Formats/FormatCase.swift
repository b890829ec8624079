/// A store that lies in `Formats/v1`, or will: how it is made, and what everybody must make of it.
public struct FormatCase: Sendable {
  public enum Folder: String, CaseIterable, Sendable {
    /// Whole stores.
    case golden
    /// What newer versions might write.
    case future
    /// One defect each.
    case hostile
  }

  public enum Outcome: Equatable, Sendable, CustomStringConvertible {
    case fine
    /// The code of the error, the file within the store (`.`: the store itself), and the byte.
    case fails(String, file: String, offset: Int?)

    public static func damaged(_ file: String, _ offset: Int? = nil) -> Outcome {
      .fails("damaged", file: file, offset: offset)
    }

    public static func unsupported(_ file: String, _ offset: Int? = nil) -> Outcome {
      .fails("unsupportedFormat", file: file, offset: offset)
    }

    public var description: String {
      switch self {
      case .fine: "fine"
      case .fails(let code, let file, let offset): "\(code) \(file) \(offset.map(String.init) ?? "-")"
      }
    }
  }

  public let folder: Folder
  public let name: String
  /// Opening it read-only, and reading everything.
  public let reading: Outcome
  /// Opening it to write.
  public let writing: Outcome
  /// The store's files.
  public let make: @Sendable () throws -> [String: [UInt8]]

  init(
    _ folder: Folder, _ name: String, reading: Outcome = .fine, writing: Outcome? = nil,
    _ make: @escaping @Sendable () throws -> [String: [UInt8]]
  ) {
    self.folder = folder
    self.name = name
    self.reading = reading
    self.writing = writing ?? reading
    self.make = make
  }

  public static let all = golden + future + hostile + dictionaries + barriers + attributes

  /// What stands in the file beside the store.
  public var expectation: String { "read: \(reading)\nwrite: \(writing)\n" }
}
