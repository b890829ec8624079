import CairnCache
import CairnSimulation
import Testing

/// Goal: the tables and the charts of hit ratios say what has been counted.
@Suite struct HitRatioTests {
  private static let contenders = [
    Contender("LRU", .lru), Contender("S3-FIFO 2", S3FIFOPolicy(threshold: 2)),
    Contender("largest first", isForSizes: true, .largestFirst),
  ]
  private static let mebibyte = 1 << 20

  /// Three keys in a circle: LRU gives up what comes next.
  private static func loop(_ name: String = "loop", isPublic: Bool = false, sizes: [Int] = [2, 3]) async -> HitRatios {
    let trace = Trace(name, "a loop", isPublic: isPublic, GeneratedTrace.loop(keys: 3, rounds: 4), sizes: sizes)
    return await HitRatios(of: trace, contenders: contenders)
  }

  /// Of weights: one of 2 MiB, and two of 1 MiB.
  private static func weights() async -> HitRatios {
    let requests = [0, 1, 0, 2, 0, 1, 2, 1].map {
      Trace.Request(key: UInt64($0), byteCount: $0 == 0 ? 2 * mebibyte : mebibyte)
    }
    return await HitRatios(of: Trace("weights", "", requests, unit: .mebibytes, sizes: [2, 4]), contenders: contenders)
  }

  @Test func tables() async {
    let loop = await Self.loop()
    #expect(loop.rows.map(\.policy) == ["optimum", "LRU", "S3-FIFO 2"])
    let plain = """
      loop: 12 requests for 3 keys
      hits in %, entries      2      3\u{20}
      optimum             41.67  75.00\u{20}
      LRU                  0.00  75.00*
      S3-FIFO 2           16.67* 75.00*

      """
    #expect(loop.tables.map(\.plain) == [plain])
    let markdown = """
      ## loop: 12 requests for 3 keys

      | hits in %, entries | 2 | 3 |
      | --- | ---: | ---: |
      | optimum | 41.67 | 75.00 |
      | LRU | 0.00 | **75.00** |
      | S3-FIFO 2 | **16.67** | **75.00** |

      """
    #expect(loop.tables.map(\.markdown) == [markdown])
    let weights = await Self.weights()
    #expect(weights.rows.map(\.policy) == ["optimum", "LRU", "S3-FIFO 2", "largest first"])
    #expect(weights.tables.map(\.title) == ["weights: 8 requests for 3 keys", "weights: of bytes"])
    // The second time for 1 with little room; all second times with enough. 11 MiB are asked for.
    #expect(weights.row("LRU")?.misses == [7, 3])
    #expect(weights.tables[0].rows[1].map(\.text) == ["LRU", "12.50", "62.50"])
    #expect(weights.tables[1].rows[1].map(\.text) == ["LRU", "9.09", "63.64"])
  }

  @Test func summary() async throws {
    let ratios = [await Self.loop(), await Self.loop("roomy", isPublic: true, sizes: [3]), await Self.weights()]
    let summaries = Summary.all(Array(ratios.prefix(2)))
    #expect(Set(summaries.map(\.policy)) == ["LRU", "S3-FIFO 2"])
    #expect(Summary.all([ratios[0]]).map(\.policy) == ["S3-FIFO 2", "LRU"])
    let lru = try #require(summaries.first { $0.policy == "LRU" })
    #expect(lru.shares == [50, 100] && lru.shareOfPublic == 100 && lru.shareOfGenerated == 50 && lru.share == 75)
    #expect(abs(lru.belowOptimum - 500.0 / 12 / 3) < 1e-9)
    #expect(lru.worstToReference == nil)
    #expect(lru.worstToBest.place == "loop, 2" && abs(lru.worstToBest.points + 200.0 / 12) < 1e-9)
    let other = try #require(summaries.first { $0.policy == "S3-FIFO 2" })
    #expect(other.worstToReference?.points == 0 && other.worstToBest.points == 0)
    #expect(abs((other.shareOfGenerated ?? 0) - 70) < 1e-9)
    let tables = Summary.tables(summaries, Array(ratios.prefix(2)))
    #expect(tables.map(\.rows.count) == [2, 2])
    #expect(tables[1].header == ["% of the optimum", "loop", "roomy"])
    // What has not been measured everywhere is left out.
    let all = Summary.all(ratios)
    #expect(all.allSatisfy { $0.policy != "largest first" })
    #expect(all.first { $0.policy == "S3-FIFO 2" }?.worstToReference?.place == "weights, 4 MiB")
  }

  /// A name that is markup elsewhere, and a line for each row, within its panel.
  @Test func chart() async throws {
    let ratios = [await Self.loop("a < b & c"), await Self.weights()]
    let svg = Chart(ratios).svg
    #expect(svg.contains("a &lt; b &amp; c (generated)") && !svg.contains("a < b"))
    let lines = svg.matches(of: /<polyline points="([^"]*)"/).map { String($0.output.1) }
    #expect(lines.count == 7)
    for line in lines {
      let points = line.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
      #expect(points.count == 2 && points.allSatisfy { 0...330 ~= $0[0] && 40...210 ~= $0[1] }, "\(line)")
    }
    #expect(svg.matches(of: /<title>/).count == 7)
  }

  /// Without anything that could be drawn.
  @Test func empty() async {
    let nothing = await HitRatios(of: Trace("nothing", "", [], sizes: [1]), contenders: Self.contenders)
    #expect(nothing.rows.allSatisfy { $0.hitPercentages == [0] })
    #expect(!Chart([nothing]).svg.contains("nan") && !Chart([]).svg.contains("nan"))
    #expect(Summary.all([nothing]).map(\.share) == [100, 100])
    #expect(Summary.all([]).isEmpty)
  }
}
