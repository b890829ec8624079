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
    let (year, month, day) = date(days: Int((milliseconds - Int64(time)) / dayMilliseconds))
    let clock = [time / 3_600_000, time / 60_000 % 60, time / 1000 % 60].map { digits($0, 2) }.joined(separator: ":")
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(clock).\(digits(time % 1000, 3))Z"
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  /// The Gregorian date of a day since 1970-01-01. Counted from 1 March, so that the leap day ends a year, in eras of
  /// 400 years (146,097 days), which are all alike.
  private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
