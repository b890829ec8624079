internal import Cairn

extension RemovalCause {
  /// In JSON.
  var name: String {
    switch self {
    case .removed: "removed"
    case .expired: "expired"
    case .evicted: "evicted"
    case .invalidated: "invalidated"
    }
  }

  /// For people, in one line.
  var text: String {
    guard case .invalidated(let by) = self, !by.isEmpty else { return name }
    return "\(name) by \(Escaping.text(by))"
  }
}
