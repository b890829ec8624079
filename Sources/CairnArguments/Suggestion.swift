/// What somebody may have meant.
enum Suggestion {
  /// `, did you mean …?` if one of the words is close to what was written; otherwise nothing.
  static func text(for written: String, among words: [String]) -> String {
    let near = words.map { (word: $0, distance: distance(written, $0)) }.min { $0.distance < $1.distance }
    guard let near, near.distance <= max(2, near.word.count / 3) else { return "" }
    return ", did you mean \(near.word)?"
  }

  /// How many characters must be put in, left out or replaced to make one of the other (Levenshtein 1966).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }
}
