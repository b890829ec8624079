/// Values that are alike, as those of a program are: the same fields, and much the same in them.
public enum SmallRecords {
  private static let words = [
    "network", "library", "runtime", "graphics", "python3", "documentation", "development files", "shared", "utilities",
  ]

  /// Always the same for the same number.
  ///
  /// - Parameter kind: those of one kind have little in common with those of another.
  public static func make(_ number: Int, kind: Int = 0) -> [UInt8] {
    var random = SeededRandom(seed: UInt64(number))
    func word() -> String { words[random.below(words.count)] }
    if kind == 0 {
      return Array(
        """
        {"Package": "\(word())-\(number)", "Section": "\(word())", "Maintainer": "Debian \(word()) Team", \
        "Size": \(random.below(1_000_000)), "Description": "\(word()) \(word()) for \(word())", \
        "Depends": ["libc6 (>= 2.\(random.below(40)))", "lib\(word())"], "Architecture": "amd64", \
        "Homepage": "https://www.example.org/projects/\(word())/index.html?page=\(number)", \
        "Priority": "optional", "Multi-Arch": "foreign", "Tag": "devel::library, implemented-in::c, role::shared-lib"}
        """.utf8)
    }
    return Array(
      """
      <entry id='\(number)'><author name='\(word()) \(random.below(100))'/><when>2026-0\(1 + random.below(9))-\
      \(10 + random.below(18))T12:\(10 + random.below(50))</when><flags seen='yes' answered='no' draft='no' junk='no'/>\
      <list-unsubscribe>mailto:unsubscribe+news@lists.example.com</list-unsubscribe>\
      <subject>[\(word())] Re: \(word()) in \(word())</subject>\
      <body class='plain'>On that day \(word()) wrote: \(word()), \(word()) and \(random.below(10_000))</body></entry>
      """.utf8)
  }
}
