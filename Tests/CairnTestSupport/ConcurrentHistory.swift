/// What several threads did to one key at the same time, and whether there is an order in which it could have been done
/// by one: each operation takes effect at some moment between its start and its end (linearizability; the search is
/// that of Wing and Gong, 1993, with the memory of Lowe, 2017).
public struct ConcurrentHistory: Sendable {
  public struct Entry: Hashable, Sendable {
    public var value: [UInt8]
    public var version: UInt64

    public init(value: [UInt8], version: UInt64) {
      self.value = value
      self.version = version
    }
  }

  /// What a key holds, and the highest version that it has had: versions only grow, over removes as well.
  public struct State: Hashable, Sendable {
    public var entry: Entry?
    public var highest: UInt64 = 0

    public init() {}
  }

  public enum Operation: Sendable {
    case get(found: Entry?)
    case put([UInt8], version: UInt64)
    /// `nil`: there was an entry.
    case putIfAbsent([UInt8], version: UInt64?)
    /// `nil`: the version was another one.
    case putIfVersion([UInt8], expected: UInt64, version: UInt64?)
    case remove(wasThere: Bool)
    case removeIfVersion(expected: UInt64, isDone: Bool)

    /// What the key holds after it. `nil`: from this state, it would have ended otherwise.
    func applied(to state: State) -> State? {
      func replaced(_ value: [UInt8], _ version: UInt64) -> State? {
        guard version > state.highest else { return nil }
        var result = state
        result.entry = Entry(value: value, version: version)
        result.highest = version
        return result
      }
      var removed = state
      removed.entry = nil
      let entry = state.entry
      switch self {
      case .get(let found): return found == entry ? state : nil
      case .put(let value, let version): return replaced(value, version)
      case .putIfAbsent(let value, let version?): return entry == nil ? replaced(value, version) : nil
      case .putIfAbsent(_, nil): return entry != nil ? state : nil
      case .putIfVersion(let value, let expected, let version?):
        return entry?.version == expected ? replaced(value, version) : nil
      case .putIfVersion(_, let expected, nil): return entry?.version != expected ? state : nil
      case .remove(let wasThere): return (entry != nil) == wasThere ? removed : nil
      case .removeIfVersion(let expected, true): return entry?.version == expected ? removed : nil
      case .removeIfVersion(let expected, false): return entry?.version != expected ? state : nil
      }
    }
  }

  public struct Event: Sendable {
    public var operation: Operation
    /// By a clock that all threads share.
    public var start: UInt64
    public var end: UInt64

    public init(_ operation: Operation, from start: UInt64, to end: UInt64) {
      self.operation = operation
      self.start = start
      self.end = end
    }
  }

  private struct Visited: Hashable {
    var done: UInt64
    var state: State
  }

  private let events: [Event]

  /// - Parameter events: at most 64.
  public init(_ events: [Event]) {
    precondition(events.count <= 64, "one bit for each")
    self.events = events
  }

  /// What the key may hold at the end, if it held one of these at the start; none: there is no such order.
  public func outcomes(from states: Set<State>) -> Set<State> {
    var outcomes: Set<State> = []
    var visited: Set<Visited> = []
    var open = states.map { Visited(done: 0, state: $0) }
    while let next = open.popLast() {
      guard visited.insert(next).inserted else { continue }
      let left = events.indices.filter { next.done >> $0 & 1 == 0 }
      guard let firstEnd = left.map({ events[$0].end }).min() else {
        outcomes.insert(next.state)
        continue
      }
      // What began after another one had ended comes after that.
      for number in left where events[number].start <= firstEnd {
        guard let state = events[number].operation.applied(to: next.state) else { continue }
        open.append(Visited(done: next.done | 1 << number, state: state))
      }
    }
    return outcomes
  }
}
