import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: dictionaries are trained when there is something to train them on, and not all the time.
@Suite struct DictionaryLearningTests {
  private let options: Store.Options = {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    return options
  }()

  /// How many bytes are put until one is asked for, at this ratio; `nil`: more than `limit`.
  private func bytes(
    _ learning: inout DictionaryLearning, ratio: Double, limit: Int = 10 << 20
  ) -> Int? {
    let start = learning.rawBytes
    while learning.rawBytes - start < limit {
      if learning.note(raw: 1000, stored: Int(1000 * ratio)) { return learning.rawBytes - start }
    }
    return nil
  }

  @Test func sizes() {
    #expect(DictionaryLearning(options).dictionaryBytes == 1024)
    #expect(DictionaryLearning(Store.Options()).dictionaryBytes == 448 << 10)
  }

  /// In vain: each time when there is four times as much; to ask by hand, however often, changes nothing about that.
  @Test func withoutADictionary() {
    var learning = DictionaryLearning(options)
    #expect(bytes(&learning, ratio: 0.9) == 19_000)
    // Nobody is asked twice.
    #expect(bytes(&learning, ratio: 0.9) == nil)
    learning = DictionaryLearning(options)
    for _ in 0..<20 { learning.finish(nil, ratio: nil) }
    #expect(bytes(&learning, ratio: 0.9) == 74_000)
    learning.finish(nil, ratio: nil)
    #expect(learning.rawBytes + (bytes(&learning, ratio: 0.9) ?? 0) == 4 * 74_000)
  }

  @Test func decay() throws {
    var learning = DictionaryLearning(options)
    let dictionary = try #require(try ValueDictionary.make(FormatCase.bytes))
    // As a session has it that finds one in the log.
    learning.resume(dictionary)
    #expect(bytes(&learning, ratio: 0.5) == nil)
    #expect(bytes(&learning, ratio: 0.59) == nil)
    #expect(try #require(bytes(&learning, ratio: 0.7)) <= 2 * 148_000)
    learning.finish(nil, ratio: nil)
    // What could not be made better is what is to be expected.
    learning.resume(dictionary)
    #expect(bytes(&learning, ratio: 0.7) == nil)
    learning.finish(dictionary, ratio: 0.4)
    learning.resume(dictionary)
    #expect(bytes(&learning, ratio: 0.5) == 148_000)
  }

  /// Values that come in turns: after each training in vain, the next one takes twice as much.
  @Test func decayInVain() throws {
    var learning = DictionaryLearning(options)
    let dictionary = try #require(try ValueDictionary.make(FormatCase.bytes))
    learning.resume(dictionary)
    var ratio = 0.05
    learning.finish(dictionary, ratio: ratio)
    learning.resume(dictionary)
    for time in 0..<12 {
      ratio *= 1.25
      let window = 147_456 << min(time, 8)
      let asked = try #require(bytes(&learning, ratio: ratio, limit: 2 * window))
      #expect((window * 99 / 100...window + 1000).contains(asked))
      learning.finish(nil, ratio: nil)
      learning.resume(dictionary)
      // What is to be expected from now on.
      #expect(bytes(&learning, ratio: ratio, limit: 148_000 << min(time + 1, 8)) == nil)
    }
    learning.finish(dictionary, ratio: 0.1)
    learning.resume(dictionary)
    #expect(bytes(&learning, ratio: 0.5) == 148_000)
  }
}
