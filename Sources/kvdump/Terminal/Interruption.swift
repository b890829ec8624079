internal import Cairn
internal import CairnInspect
internal import Glibc
internal import Synchronization

/// `^C`, and others who ask the program to end: asked once, long work ends at its next step and clears up; asked twice,
/// the process ends. Signals that whoever started the program had ignored stay so, as `nohup` means it.
enum Interruption {
  /// For work that shows nothing on the terminal while it lasts.
  final class Check: ProgressListener {
    func advance(to done: Int, of total: Int) throws(StoreError) { try Interruption.check() }
  }

  /// The signal that asked; 0: none.
  private static let request = Atomic<Int32>(0)

  static func install() {
    // Without SA_RESTART: a call that waits ends, so that somebody looks.
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { number in
      Interruption.request.store(number, ordering: .relaxed)
      _ = signal(number, SIG_DFL)
    }
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { unsafe _ = sigaction(number, &action, nil) }
    // Who starts this program from a thread that blocks signals hands that down.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { unsafe sigaddset(&signals, number) }
    unsafe sigprocmask(SIG_UNBLOCK, &signals, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    unsafe sigaction(number, nil, &action)
    // SAFETY: the addresses of functions are compared, and none is called.
    return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// - Throws: an error that `isCause` knows.
  static func check() throws(StoreError) {
    if request.load(ordering: .relaxed) != 0 { throw StoreError(.system, "interrupted", systemError: EINTR) }
  }

  static func isCause(of error: StoreError) -> Bool { error.systemError == EINTR && error.message == "interrupted" }

  /// Ends the process by the signal that asked for it: a shell that runs a loop then ends that, too.
  static func end() -> Never { die(of: request.load(ordering: .relaxed)) }

  /// As a write would that nobody reads.
  static func endAsTheReaderHas() -> Never { die(of: SIGPIPE) }

  private static func die(of number: Int32) -> Never {
    _ = signal(number, SIG_DFL)
    raise(number)
    // As shells show it, should somebody have blocked the signal.
    exit(128 + number)
  }
}
