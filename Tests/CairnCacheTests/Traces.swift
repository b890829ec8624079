import Foundation

/// Public traces of requests, which are not part of the repository: where the variable `CAIRN_TRACES` points, or in a
/// folder `traces` beside the checkout, or in a folder beside it.
enum Trace: String, CaseIterable {
  case cloudPhysics = "cloudPhysicsIO.oracleGeneral.bin"
  case oltp = "arc_oltp.gz"
  case glimpse = "lirs_gli.trace.gz"
  case loop = "lirs_loop.trace.gz"
  case corda = "corda_vaultservice.gz"
  case zipf = "zipf_1.0.txt.gz"

  struct Request {
    let key: UInt64
    var byteCount = 1
  }

  private static let folder: String? = {
    if let folder = ProcessInfo.processInfo.environment["CAIRN_TRACES"] { return folder }
    var checkout = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { checkout.deleteLastPathComponent() }
    let beside = checkout.deletingLastPathComponent()
    let siblings = (try? FileManager.default.contentsOfDirectory(at: beside, includingPropertiesForKeys: nil)) ?? []
    return ([beside] + siblings).map { $0.appendingPathComponent("traces").path }.first { folder in
      allCases.allSatisfy { FileManager.default.fileExists(atPath: folder + "/" + $0.rawValue) }
    }
  }()

  static var areThere: Bool { folder != nil }

  private func content() throws -> [UInt8] {
    let path = (Self.folder ?? "") + "/" + rawValue
    if !path.hasSuffix(".gz") { return try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) }
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", path]
    process.standardOutput = output
    try process.run()
    let content = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return [UInt8](content)
  }

  func requests() throws -> [Request] {
    let bytes = try content()
    func number(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64($1 * 8) }
    }
    switch self {
    case .cloudPhysics:
      return stride(from: 0, to: bytes.count, by: 24).map {
        Request(key: number($0 + 4, 8), byteCount: Int(number($0 + 12, 4)))
      }
    case .corda: return stride(from: 0, to: bytes.count, by: 8).map { Request(key: number($0, 8).byteSwapped) }
    case .oltp:
      return Self.lines(bytes).flatMap { words in (words[0]..<words[0] + words[1]).map { Request(key: $0) } }
    case .glimpse, .loop, .zipf: return Self.lines(bytes).map { Request(key: $0[0]) }
    }
  }

  /// The numbers of each line that has some.
  private static func lines(_ bytes: [UInt8]) -> [[UInt64]] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let words = line.split { $0 == 0x20 || $0 == 0x0D }.compactMap { UInt64(String(decoding: $0, as: UTF8.self)) }
      return words.isEmpty ? nil : words
    }
  }
}
