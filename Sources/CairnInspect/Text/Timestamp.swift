internal import CairnIndex

/// Moments as people read them.
enum Timestamp {
  /// `2026-11-20T23:46:00.000Z`; milliseconds since 1970 where the year has not four digits.
  static func text(milliseconds: Int64) -> String {
    let dayMilliseconds: Int64 = 86_400_000
    // The years 0 to 9999.
    guard (-62_167_219_200_000..<253_402_300_800_000).contains(milliseconds) else {
      return "\(milliseconds) ms since 1970"
    }
    let time = Int((milliseconds % dayMilliseconds + dayMilliseconds) % dayMilliseconds)
    let date = CivilDate(days: Int((milliseconds - Int64(time)) / dayMilliseconds))
    let clock = [time / 3_600_000, time / 60_000 % 60, time / 1000 % 60].map { digits($0, 2) }.joined(separator: ":")
    return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))T\(clock).\(digits(time % 1000, 3))Z"
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
