/// A mistake that a good engineer might make, planted in a copy of the sources to see whether the tests find it.
///
/// All of them are planted in one copy, which is built once; each does harm only where the environment switches it on.
package struct PlantedBug: Sendable {
  /// How the tests must be built to see it.
  package enum Build: Sendable {
    case plain
    /// Optimised, under the thread sanitizer.
    case threads
  }

  /// Some text of a source, and what is put in its place.
  package struct Edit: Sendable {
    /// Below `Sources`.
    package let file: String
    /// Occurs in the file exactly once.
    package let found: String
    /// `PLANTED` stands for whether the bug is switched on, `FOUND` for the text that was found.
    package let replacement: String

    package init(_ file: String, _ found: String, _ replacement: String) {
      self.file = file
      self.found = found
      self.replacement = replacement
    }
  }

  package let name: String
  /// What is wrong when it is switched on, in one sentence.
  package let wrong: String
  /// Must fail then: as `swift test --filter` wants it.
  package let test: String
  package let build: Build
  package let edits: [Edit]

  package init(_ name: String, _ wrong: String, caughtBy test: String, build: Build = .plain, _ edits: Edit...) {
    self.name = name
    self.wrong = wrong
    self.test = test
    self.build = build
    self.edits = edits
  }

  package static let all: [PlantedBug] =
    durability + format + recovery + compaction + barriers + attributes + collections + index + memory + views
    + processes + tools
}
