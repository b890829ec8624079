/// Memory in which each cache line leads to the next one, in random order: what a load costs that nobody could foresee.
public struct Memory {
  private let lines: UnsafeMutableRawBufferPointer

  public init(bytes: Int) {
    let count = max(2, bytes / 64)
    lines = .allocate(byteCount: count * 64, alignment: 4096)
    var random = Random(state: 8)
    let order = (0..<count).shuffled(using: &random)
    for place in 0..<count {
      lines.storeBytes(of: order[(place + 1) % count] * 64, toByteOffset: order[place] * 64, as: Int.self)
    }
  }

  /// Nanoseconds of one load.
  public func latency(loads: Int = 500_000) -> Double {
    var offset = 0
    for _ in 0..<loads { offset = lines.load(fromByteOffset: offset, as: Int.self) }
    let start = now()
    for _ in 0..<loads { offset = lines.load(fromByteOffset: offset, as: Int.self) }
    let spent = Double(now() - start) / Double(loads)
    // Used, so that the loads are not left out.
    precondition(offset >= 0)
    return spent
  }

  public func free() { lines.deallocate() }
}
