/// A day of the Gregorian calendar, also before there was one; with UTC, without leap seconds.
///
/// The arithmetic is Howard Hinnant's, "chrono-Compatible Low-Level Date Algorithms" (2013): years begin in March, so
/// that the day that not all have is their last; an era is 400 years, after which all repeats.
package struct CivilDate: Equatable {
  package var year: Int
  package var month: Int
  package var day: Int

  /// Years that have four digits.
  static let years = 0...9999
  static let millisecondsOfDay: Int64 = 86_400_000

  var isValid: Bool {
    guard (1...12).contains(month) else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...days[month - 1]).contains(day)
  }

  /// Since the first of January, 1970.
  var days: Int {
    let year = month <= 2 ? self.year - 1 : self.year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// - Parameter days: since the first of January, 1970.
  package init(days: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }
}

// MARK: As text

extension CivilDate {
  /// `2026-11-20`, or with a time `2026-11-20T10:00:00Z` or `2026-11-20T10:00:00.123Z`; `nil` if the year has not four
  /// digits.
  static func text(milliseconds: Int64) -> String? {
    var (days, rest) = milliseconds.quotientAndRemainder(dividingBy: millisecondsOfDay)
    if rest < 0 { (days, rest) = (days - 1, rest + millisecondsOfDay) }
    let date = CivilDate(days: Int(days))
    guard years.contains(date.year) else { return nil }
    var text = digits(date.year, 4) + "-" + digits(date.month, 2) + "-" + digits(date.day, 2)
    if rest == 0 { return text }
    let (seconds, fraction) = Int(rest).quotientAndRemainder(dividingBy: 1000)
    text += "T" + digits(seconds / 3600, 2) + ":" + digits(seconds / 60 % 60, 2) + ":" + digits(seconds % 60, 2)
    return text + (fraction == 0 ? "Z" : "." + digits(fraction, 3) + "Z")
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: count - text.count) + text
  }

  /// The milliseconds since 1970 of what begins there, and where it ends; `nil` if it is no date.
  static func parse(_ bytes: [UInt8], at start: Int) -> (milliseconds: Int64, end: Int)? {
    var at = start
    func number(_ count: Int) -> Int? {
      guard at + count <= bytes.count else { return nil }
      var number = 0
      for byte in bytes[at..<at + count] {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        number = number * 10 + Int(byte - UInt8(ascii: "0"))
      }
      at += count
      return number
    }
    func skip(_ mark: Unicode.Scalar) -> Bool {
      guard at < bytes.count, bytes[at] == UInt8(ascii: mark) else { return false }
      at += 1
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2) else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    guard date.isValid else { return nil }
    let midnight = Int64(date.days) * millisecondsOfDay
    guard skip("T") else { return (midnight, at) }
    guard let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction = 0
    if skip(".") {
      var (digits, scale) = (0, 1000)
      while digits < 3, let digit = number(1) {
        (digits, scale) = (digits + 1, scale / 10)
        fraction += digit * scale
      }
      guard digits > 0 else { return nil }
    }
    guard skip("Z") else { return nil }
    return (midnight + Int64(((hour * 60 + minute) * 60 + second) * 1000 + fraction), at)
  }
}
