// Works on a store until it is killed or has come to the end, and says on standard output what has been done.
// usage: cairn-test-writer work FOLDER SEED FIRST END [threads] [short] [user=ID] [fsize=N] [nofile=N] [as=N]
//          the steps FIRST to END of the work of a seed; with the store's own threads; where the kernel transfers less
//          than it is asked for; as another user; and within limits (as: bytes of memory beside what there is)
//        cairn-test-writer follow PATH SEED END OPENED
//          follows that work until there is the file END; makes the file OPENED when it has seen something
import CShortTransfers
import CairnTorture
import Glibc

/// What is to be said when there is no limit any more for what this process may say, which goes to a file.
nonisolated(unsafe) var unsaid: [String]?

func say(_ line: String) {
  if unsafe unsaid != nil {
    unsafe unsaid?.append(line)
    return
  }
  // One small write: whole or not at all.
  print(line)
  fflush(nil)
}

func limit(_ kind: __rlimit_resource, _ value: Int?) {
  var limits = rlimit()
  unsafe getrlimit(__rlimit_resource_t(kind.rawValue), &limits)
  limits.rlim_cur = value.map { UInt($0) } ?? limits.rlim_max
  let result = unsafe setrlimit(__rlimit_resource_t(kind.rawValue), &limits)
  precondition(result == 0, "a limit cannot be set")
}

/// Bytes of memory that this process has the use of already.
func memoryBytes() -> Int {
  let file = unsafe fopen("/proc/self/statm", "r")
  defer { unsafe _ = fclose(file) }
  var text = [CChar](repeating: 0, count: 100)
  unsafe fgets(&text, 100, file)
  return unsafe Int(strtol(text, nil, 10)) * 4096
}

func set(_ condition: Substring) {
  let parts = condition.split(separator: "=")
  let value = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
  switch parts[0] {
  case "threads": break
  case "short": short_transfers_begin(1)
  case "user": precondition(setgid(UInt32(value)) == 0 && setuid(UInt32(value)) == 0, "no other user")
  case "fsize":
    unsafe unsaid = []
    limit(RLIMIT_FSIZE, value)
  case "nofile": limit(RLIMIT_NOFILE, value)
  case "as":
    // Sanitizers reserve more memory than there is, and end the process where they get none.
    if short_transfers_possible() == 0 {
      say("as impossible")
      exit(0)
    }
    limit(RLIMIT_AS, memoryBytes() + value)
  default: exit(64)
  }
}

let arguments = CommandLine.arguments
if arguments.count == 6, arguments[1] == "follow", let seed = UInt64(arguments[3]) {
  exit(Follower.follow(arguments[2], seed: seed, until: arguments[4], opened: arguments[5], say: say) ? 0 : 4)
}
guard arguments.count >= 6, arguments[1] == "work", let seed = UInt64(arguments[3]), let first = Int(arguments[4]),
  let end = Int(arguments[5])
else { exit(64) }
let conditions = arguments[6...]
var worker = Worker(
  folder: arguments[2], seed: seed, done: first, hasThreads: conditions.contains("threads"), say: say)
for condition in conditions { set(condition[...]) }
let result = worker.run(until: end)
if let lines = unsafe unsaid {
  limit(RLIMIT_FSIZE, nil)
  unsafe unsaid = nil
  for line in lines { say(line) }
}
if conditions.contains("short") {
  say("short \(short_transfers_possible() == 0 ? "impossible" : "\(short_transfers_count())")")
}
exit(result.rawValue)
