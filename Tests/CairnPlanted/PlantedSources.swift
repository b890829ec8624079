/// Sources with every bug planted in them.
package enum PlantedSources {
  /// Names the bug that is switched on.
  package static let variable = "CAIRN_PLANTED"
  /// Where the switch stands, below `Sources`.
  package static let switchFile = "Cairn/Planted.swift"

  package static let switchText = """
    internal import Glibc

    /// Which planted bug is switched on.
    package enum Planted {
      private static let name: String = unsafe getenv("\(variable)").map { unsafe String(cString: $0) } ?? ""

      package static func isOn(_ bug: String) -> Bool { name == bug }
    }

    """

  /// Why a bug cannot be planted.
  package struct Refusal: Error, CustomStringConvertible {
    package let description: String
  }

  /// All files that bugs are planted in, below `Sources`.
  package static var files: Set<String> { Set(PlantedBug.all.flatMap { $0.edits.map(\.file) }) }

  /// The text of a file with all its bugs.
  package static func plant(_ file: String, _ text: String) throws(Refusal) -> String {
    var places: [(range: Range<String.Index>, text: String)] = []
    for bug in PlantedBug.all {
      for edit in bug.edits where edit.file == file {
        let ranges = text.ranges(of: edit.found)
        guard ranges.count == 1 else {
          let what = ranges.isEmpty ? "no longer stands in" : "stands \(ranges.count) times in"
          throw Refusal(description: "\(bug.name): its text \(what) \(file): \(edit.found)")
        }
        let replacement = edit.replacement.replacing("FOUND", with: edit.found)
          .replacing("PLANTED", with: "Planted.isOn(\"\(bug.name)\")")
        guard replacement.contains("Planted.isOn") else {
          throw Refusal(description: "\(bug.name): nothing switches it off in \(file)")
        }
        places.append((ranges[0], replacement))
      }
    }
    places.sort { $0.range.lowerBound < $1.range.lowerBound }
    var result = ""
    var position = text.startIndex
    for place in places {
      guard place.range.lowerBound >= position else {
        throw Refusal(description: "two bugs are planted in the same text of \(file): \(text[place.range])")
      }
      result += text[position..<place.range.lowerBound] + place.text
      position = place.range.upperBound
    }
    return result + text[position...]
  }
}
