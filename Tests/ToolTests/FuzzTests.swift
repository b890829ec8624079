import CairnFuzz
import CairnTestSupport
import Foundation
import Testing

/// Goal: what the fuzzer once reached, and random changes of whole stores, end in a typed error or the right answer.
/// A target that does otherwise ends the process.
@Suite(.serialized) struct FuzzTests {
  private static let corpus =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .path + "/Corpus"

  #if DEBUG
    private static let mutations = 60
  #else
    private static let mutations = 600
  #endif

  private func inputs(_ target: FuzzTarget) throws -> [[UInt8]] {
    let folder = Self.corpus + "/" + target.rawValue
    var inputs = try ((try? Files.names(folder)) ?? []).map { try Files.read(folder + "/" + $0) }
    func all(_ file: String) throws -> [[UInt8]] {
      try FormatCase.all.compactMap { try $0.make()[file] }.filter { $0.count < 70_000 }
    }
    switch target {
    case .header: inputs += try all("STORE").prefix(3)
    case .segment: inputs += try all("segment-00000001.log")
    case .records: inputs += try all("segment-00000001.log").filter { $0.count > 328 }.map { Array($0[328...]) }
    case .checkpoint: inputs += try all("index.checkpoint")
    case .gone: inputs += try all("segments.gone")
    case .frozen: inputs += try FrozenCase.all.map { try $0.make() }.filter { $0.count < 70_000 }
    case .dictionary, .load, .glob, .query, .arguments: break
    }
    return inputs
  }

  @Test(arguments: FuzzTarget.allCases) func theCorpusAndAroundIt(target: FuzzTarget) throws {
    let inputs = try inputs(target)
    try #require(!inputs.isEmpty)
    for input in inputs { target.run(input) }
    let seed = SeededRandom.seeds(1)[0]
    print("fuzz \(target.rawValue): seed \(seed)")
    var random = SeededRandom(seed: seed)
    for _ in 0..<Self.mutations { target.run(mutate(inputs[random.below(inputs.count)], &random)) }
  }

  private func mutate(_ input: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = input
    for _ in 0...random.below(4) {
      let at = random.below(bytes.count + 1)
      switch random.below(6) {
      case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.below(8))
      case 1 where at < bytes.count: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)]
      case 2: bytes.insert(contentsOf: random.bytes(1 + random.below(16)), at: at)
      case 3: bytes.removeSubrange(at..<min(bytes.count, at + random.below(64)))
      case 4: bytes.removeSubrange(at...)
      default:
        // A word that says much.
        let word: [UInt64] = [0, 1, .max, .max - 1, 1 << 31, 1 << 32, 1 << 63, UInt64(bytes.count)]
        let value = ForgedSegment.little(word[random.below(8)], 8)
        let start = at & ~7
        if start + 8 <= bytes.count { bytes.replaceSubrange(start..<start + 8, with: value) }
      }
    }
    return bytes
  }
}
