internal import Foundation

/// Public traces of requests, which are not part of the repository: where the variable `CAIRN_TRACES` points, or in a
/// folder `traces` beside the checkout, or in a folder beside it.
package enum PublicTrace: String, CaseIterable, Sendable {
  case cloudPhysics = "cloudPhysicsIO.oracleGeneral.bin"
  case oltp = "arc_oltp.gz"
  case glimpse = "lirs_gli.trace.gz"
  case loop = "lirs_loop.trace.gz"
  case corda = "corda_vaultservice.gz"
  case zipf = "zipf_1.0.txt.gz"

  package var name: String {
    switch self {
    case .cloudPhysics: "cloudPhysics"
    case .oltp: "OLTP"
    case .glimpse: "Glimpse"
    case .loop: "loop"
    case .corda: "corda"
    case .zipf: "zipf"
    }
  }

  private var about: String {
    switch self {
    case .cloudPhysics: "blocks of a virtual disk, of many sizes (libCacheSim)"
    case .oltp: "pages of a database with many short transactions (Megiddo, Modha: ARC, FAST 2003)"
    case .glimpse: "a search through texts, again and again (LIRS)"
    case .loop: "the same 1,011 keys in the same order, again and again (LIRS)"
    case .corda: "half of the keys twice within a few requests, the others once, and then none again (Caffeine)"
    case .zipf: "1,000 keys, the n-th of which is asked for 1/n as often as the first (SIEVE, NSDI 2024)"
    }
  }

  /// Those for which something is published.
  package var sizes: [Int] {
    switch self {
    case .cloudPhysics, .loop: Array(stride(from: 128, through: 1024, by: 128))
    case .oltp, .glimpse: Array(stride(from: 250, through: 2000, by: 250))
    case .corda: (4...11).map { 1 << $0 }
    case .zipf: [1, 5, 10, 20, 50, 100, 200, 400]
    }
  }

  /// Where all of them are.
  package static let folder: String? = {
    if let folder = ProcessInfo.processInfo.environment["CAIRN_TRACES"] { return folder }
    var checkout = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { checkout.deleteLastPathComponent() }
    let beside = checkout.deletingLastPathComponent()
    let siblings = (try? FileManager.default.contentsOfDirectory(at: beside, includingPropertiesForKeys: nil)) ?? []
    return ([beside] + siblings).map { $0.appendingPathComponent("traces").path }.first { folder in
      allCases.allSatisfy { $0.isThere(in: folder) }
    }
  }()

  package static var areThere: Bool { folder != nil }

  package func isThere(in folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/" + rawValue)
  }

  package struct ReadError: Error, CustomStringConvertible {
    package let description: String
  }

  private func content(_ folder: String) throws -> [UInt8] {
    let path = folder + "/" + rawValue
    if !path.hasSuffix(".gz") { return try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) }
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", path]
    process.standardOutput = output
    try process.run()
    let content = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ReadError(description: "\(path) cannot be unpacked") }
    return [UInt8](content)
  }

  /// - Parameter folder: where it is; by default where all of them are.
  package func trace(in folder: String? = nil) throws -> Trace {
    Trace(
      name, about, isPublic: true, try requests(in: folder), unit: self == .cloudPhysics ? .mebibytes : .entries,
      sizes: sizes)
  }

  package func requests(in folder: String? = nil) throws -> [Trace.Request] {
    let bytes = try content(folder ?? Self.folder ?? ".")
    func number(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64($1 * 8) }
    }
    // What is behind the last whole record is no request.
    func records<Record>(_ size: Int, _ record: (Int) -> Record) -> [Record] {
      stride(from: 0, through: bytes.count - size, by: size).map(record)
    }
    switch self {
    case .cloudPhysics:
      return records(24) { Trace.Request(key: number($0 + 4, 8), byteCount: Int(number($0 + 12, 4))) }
    case .corda: return records(8) { Trace.Request(key: number($0, 8).byteSwapped) }
    case .oltp:
      return Self.lines(bytes).flatMap { words in (words[0]..<words[0] + words[1]).map { Trace.Request(key: $0) } }
    case .glimpse, .loop, .zipf: return Self.lines(bytes).map { Trace.Request(key: $0[0]) }
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
