import Glibc

/// Numbers of items of which few are wanted often: the n-th most wanted one with a probability of 1/n^0.99, as in YCSB
/// (Cooper et al. 2010; the method is that of Gray et al., "Quickly generating billion-record synthetic databases",
/// 1994). Which items are the wanted ones is scattered over all of them.
public struct Zipfian {
  private let count: Int
  private let theta = 0.99
  private let zeta: Double
  private let eta: Double
  private let alpha: Double

  public init(count: Int) {
    self.count = count
    var sum = 0.0
    for number in 1...count { sum += pow(Double(number), -theta) }
    zeta = sum
    alpha = 1 / (1 - theta)
    eta = (1 - pow(2 / Double(count), 1 - theta)) / (1 - (1 + pow(0.5, theta)) / zeta)
  }

  /// The place in the order of being wanted, from 0.
  public func rank(_ random: inout Random) -> Int {
    let unit = random.unit()
    let scaled = unit * zeta
    if scaled < 1 { return 0 }
    if scaled < 1 + pow(0.5, theta) { return min(1, count - 1) }
    return min(count - 1, Int(Double(count) * pow(eta * unit - eta + 1, alpha)))
  }

  public func item(_ random: inout Random) -> Int {
    var scatter = Random(state: UInt64(rank(&random)))
    return Int(scatter.next() % UInt64(count))
  }
}
