import Cairn
import CairnIndex
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnCache

/// Goal: whatever threads do at the same time, a cache holds no more than it may, knows what it holds, and returns what
/// was put.
/// Method: tasks at random work; values tell their keys.
@Suite struct CacheConcurrencyTests {
  /// With the machine's clock: the lock of a test's own is one that the thread sanitizer does not see.
  private func fixture(_ options: CacheOptions) throws -> CacheFixture {
    try CacheFixture(["c": options]) { $0.clock = SystemClock() }
  }

  /// A local variable cannot be shared.
  private final class Shared: Sendable {
    private let value = Atomic(0)
    var number: Int { value.load(ordering: .sequentiallyConsistent) }
    func set(_ number: Int) { value.store(number, ordering: .sequentiallyConsistent) }
  }

  @Test(arguments: [EvictionChoice.lru, .wTinyLFU, .s3FIFO, .gdsf]) func atRandom(choice: EvictionChoice) async throws {
    for seed in SeededRandom.seeds(1) {
      let limit = 200
      let fixture = try fixture(
        CacheOptions(limits: CacheLimits(entries: limit, bytes: 60_000), policy: choice.policy, durability: .relaxed))
      let (cache, store) = (try fixture.cache(), fixture.store)
      let done = Shared()
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<6 {
          group.addTask {
            var random = SeededRandom(seed: seed &+ UInt64(worker))
            for _ in 0..<3000 {
              let key = "\(random.below(500))"
              switch random.below(100) {
              case ..<50:
                if let value = cache.value(for: key) { #expect(value.hasPrefix(key + "="), "seed \(seed)") }
              case ..<85:
                let put = cache.put(key + "=" + String(repeating: "x", count: random.below(300)), for: key)
                // There is room for each: nobody is sent away because others are at it.
                #expect(put.isStored, "seed \(seed): \(put)")
              case ..<93: _ = try? cache.remove(key)
              case ..<97:
                let value = try? await cache.value(for: key) { _ in
                  await Task.yield()
                  return key + "=loaded"
                }
                #expect(value?.hasPrefix(key + "=") == true, "seed \(seed)")
              case 97: _ = try? cache.trim(entries: 150)
              case 98: try? cache.invalidate(prefix: "\(random.below(50))")
              default: if random.percent(5) { try? cache.removeAll() }
              }
            }
          }
        }
        group.addTask {
          // Only in between commits: a scan sees some of one, and some of another.
          while done.number == 0 {
            let size = cache.size
            #expect(size.entries <= limit && size.bytes <= 60_000, "seed \(seed)")
            await Task.yield()
          }
        }
        for _ in 0..<6 { await group.next() }
        done.set(1)
      }
      #expect(try keys(of: cache).count == cache.size.entries, "seed \(seed)")
      let (coming, leaving) = fixture.caches.state.withLock { ($0.book(0).coming, $0.book(0).leaving) }
      #expect(coming.entries == 0 && leaving.entries == 0 && coming.bytes == 0 && leaving.bytes == 0, "seed \(seed)")
      // All that is there can go.
      let left = try keys(of: cache).count
      #expect(try cache.trim(entries: 0) == left, "seed \(seed)")
      #expect(try keys(of: cache).isEmpty && cache.size == .init(entries: 0, bytes: 0, cost: 0), "seed \(seed)")
      try store.close()
    }
  }

  enum EvictionChoice: CaseIterable, Sendable {
    case lru, wTinyLFU, s3FIFO, gdsf

    var policy: any EvictionPolicy {
      switch self {
      case .lru: .lru
      case .wTinyLFU: .wTinyLFU
      case .s3FIFO: .s3FIFO
      case .gdsf: .gdsf
      }
    }
  }

  /// A value that was put or invalidated is never followed by what a load had begun to bring before.
  @Test func loadsBesideOthers() async throws {
    let fixture = try fixture(CacheOptions())
    let cache = try fixture.cache()
    let version = Shared()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<1000 {
            _ = try? await cache.value(for: "key") { _ in
              let read = version.number
              await Task.yield()
              return "\(read)"
            }
            await Task.yield()
          }
        }
      }
      group.addTask {
        for number in 1...1000 {
          version.set(number)
          switch number % 3 {
          case 0: try? cache.invalidate(prefix: "k")
          case 1: try? cache.removeAll()
          default: _ = try? cache.remove("key")
          }
          // From now on, whatever is there was read after it.
          if let value = cache.value(for: "key") { #expect(Int(value) == number) }
          await Task.yield()
        }
      }
    }
  }
}
