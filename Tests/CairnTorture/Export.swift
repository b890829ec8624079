internal import CairnTestSupport
internal import Foundation

extension SimulatedDisk.Content {
  /// Writes what is on the simulated disk to a real one, to be looked at.
  package func export(to folder: String) throws {
    func path(_ name: String) -> String {
      guard name.hasPrefix("#"), let slash = name.firstIndex(of: "/") else { return folder + "/" + name }
      let number = Int(name[..<slash].dropFirst())
      let directory = names.first { $0.key.hasSuffix("/") && $0.value == number }?.key ?? "\(name[..<slash])/"
      return folder + "/" + directory + name[slash...].dropFirst()
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in names.keys where name.hasSuffix("/") {
      try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    for (name, number) in names where !name.hasSuffix("/") {
      try Files.write(inodes[number]?.content ?? [], to: path(name))
    }
  }
}
