import CairnPlanted
import Foundation

/// A copy of the package, in the current directory, with every bug planted in it. Files that are as they should be
/// stay, so that little is built again.
struct PackageCopy {
  let path: String
  /// What tests need of it. The benchmarks are a package of their own.
  private static let parts = ["Package.swift", "Sources", "Tests", "Formats", "Makefile", ".ci", "README.md"]

  init(_ path: String) { self.path = path }

  func update() throws {
    let source = FileManager.default.currentDirectoryPath
    guard FileManager.default.fileExists(atPath: source + "/Package.swift"),
      FileManager.default.fileExists(atPath: source + "/Tests/CairnPlanted")
    else { throw Failure(description: "This must be run in the folder of the package; it is none: \(source)") }
    var wanted: [String: Data] = [:]
    for part in Self.parts {
      for name in Self.files(in: source, below: part) {
        wanted[name] = try Data(contentsOf: URL(fileURLWithPath: source + "/" + name))
      }
    }
    for file in PlantedSources.files {
      guard let data = wanted["Sources/" + file] else {
        throw Failure(description: "Bugs are to be planted in a file that is not there: Sources/\(file)")
      }
      wanted["Sources/" + file] = Data(try PlantedSources.plant(file, String(decoding: data, as: UTF8.self)).utf8)
    }
    wanted["Sources/" + PlantedSources.switchFile] = Data(PlantedSources.switchText.utf8)
    for part in Self.parts {
      for name in Self.files(in: path, below: part) where wanted[name] == nil {
        try FileManager.default.removeItem(atPath: path + "/" + name)
      }
    }
    for (name, data) in wanted { try write(data, name, from: source) }
  }

  private func write(_ data: Data, _ name: String, from source: String) throws {
    let target = URL(fileURLWithPath: path + "/" + name)
    if (try? Data(contentsOf: target)) == data { return }
    try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: target)
    // Programs stay such; of the switch there is no source.
    if let permissions = try? FileManager.default.attributesOfItem(atPath: source + "/" + name)[.posixPermissions] {
      try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: target.path)
    }
  }

  /// The files of a part, which may be one itself.
  private static func files(in folder: String, below part: String) -> [String] {
    func type(_ name: String) -> FileAttributeType? {
      (try? FileManager.default.attributesOfItem(atPath: folder + "/" + name))?[.type] as? FileAttributeType
    }
    if type(part) == .typeRegular { return [part] }
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder + "/" + part)) ?? []
    return names.map { part + "/" + $0 }.filter { type($0) == .typeRegular }
  }
}
