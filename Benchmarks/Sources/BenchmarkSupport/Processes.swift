import Glibc

/// Runs a body in several threads at once and waits for all of them.
public func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Box: Sendable {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
  var threads: [pthread_t] = []
  for number in 0..<count {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(number, body))
    let result = pthread_create(
      &thread, nil,
      { context in
        let box = Unmanaged<Box>.fromOpaque(context!).takeRetainedValue()
        box.body(box.number)
        return nil
      }, box.toOpaque())
    if result != 0 { fail("cannot start thread \(number + 1) of \(count): \(String(cString: strerror(result)))", 1) }
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// Runs this program again with other arguments and waits for its end.
/// - Returns: what `waitpid` says of it; -1 if it could not be started.
public func runSelf(_ arguments: [String]) -> Int32 { run("/proc/self/exe", [CommandLine.arguments[0]] + arguments) }

/// Runs a program, found as a shell would, and waits for its end. The first argument is its own name.
/// - Returns: what `waitpid` says of it; -1 if it could not be started.
public func run(_ program: String, _ arguments: [String]) -> Int32 {
  var process: pid_t = 0
  var pointers = arguments.map { strdup($0) } + [nil]
  defer { pointers.forEach { free($0) } }
  guard posix_spawnp(&process, program, nil, nil, &pointers, environ) == 0 else { return -1 }
  var status: Int32 = 0
  waitpid(process, &status, 0)
  return status
}

/// Ends with a message on standard error.
public func fail(_ message: String, _ status: Int32) -> Never {
  let line = message + "\n"
  _ = line.withCString { write(2, $0, strlen($0)) }
  exit(status)
}

/// Lets an interrupted or terminated program leave nothing behind. To be called before other threads are started.
public func removeAtInterrupt(_ folder: String) {
  var signals = sigset_t()
  sigemptyset(&signals)
  for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
  pthread_sigmask(SIG_BLOCK, &signals, nil)
  let box = Unmanaged.passRetained(Interrupted(folder))
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { context in
      let folder = Unmanaged<Interrupted>.fromOpaque(context!).takeRetainedValue().folder
      var signals = sigset_t()
      sigemptyset(&signals)
      for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
      var signal: Int32 = 0
      sigwait(&signals, &signal)
      removeTree(folder)
      _exit(128 + signal)
    }, box.toOpaque())
}

private final class Interrupted {
  let folder: String
  init(_ folder: String) { self.folder = folder }
}

/// Removes a folder, its files, and folders of files in it.
public func removeTree(_ path: String) {
  guard let directory = opendir(path) else { return }
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
    }
    if name != "." && name != ".." && unlink(path + "/" + name) != 0 { removeTree(path + "/" + name) }
  }
  closedir(directory)
  rmdir(path)
}

extension String {
  public func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  public init(_ value: Double, digits: Int) {
    var text = [CChar](repeating: 0, count: 64)
    withVaList([Int32(digits), value]) { _ = vsnprintf(&text, 64, "%.*f", $0) }
    self = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
