// Measures a store alone: what its own promises are about. The README's table of Cairn alone comes from here.
import BenchmarkSupport
import Cairn
import Glibc

let usage = """
  usage: cairn-bench [reads] [writes] [large] [recovery] [compression] [compaction] [frozen] [ordered]
                    [invalidation] [attributes] [collections] [caches] [tools] [--folder PATH] [--kvdump PATH]
         cairn-bench --check-costs FILE | --write-costs FILE
  Without names, all of them. PATH (a temporary folder) needs 4 GB of space. Costs are instructions, allocations, system
  calls and bytes of an operation; FILE (Benchmarks/costs.json) says how many are allowed.
  """

var wanted: Set<String> = []
var parent = "/tmp"
var kvdump = ".build/release/kvdump"
var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.count == 4, arguments[0] == "--fill-and-die", let count = Int(arguments[2]), let size = Int(arguments[3]) {
  try fillAndDie(arguments[1], count, size)
}
if arguments.count == 4, arguments[0] == "--cost", let work = CostedWork(rawValue: arguments[1]),
  let operations = Int(arguments[2])
{
  _ = try work.run(operations, in: arguments[3])
  exit(0)
}
var costs: (file: String, isWriting: Bool)?
while let argument = arguments.first {
  arguments.removeFirst()
  switch argument {
  case "reads", "writes", "large", "recovery", "compression", "compaction", "frozen", "ordered",
    "invalidation", "attributes", "collections", "caches", "tools":
    wanted.insert(argument)
  case "--kvdump" where !arguments.isEmpty: kvdump = arguments.removeFirst()
  case "--folder" where !arguments.isEmpty: parent = arguments.removeFirst()
  case "--check-costs" where !arguments.isEmpty: costs = (arguments.removeFirst(), false)
  case "--write-costs" where !arguments.isEmpty: costs = (arguments.removeFirst(), true)
  case "--help":
    print(usage)
    exit(0)
  default:
    fail("unknown argument: \(argument)\n\(usage)", 64)
  }
}
let folder = parent + "/cairn-bench-\(getpid())"
guard mkdir(folder, 0o700) == 0 else {
  fail("cannot make the folder \(folder): \(String(cString: strerror(errno)))", 1)
}
if let costs {
  let result = Result { try checkCosts(costs.file, isWriting: costs.isWriting, folder) }
  removeTree(folder)
  switch result {
  case .success(true): exit(0)
  case .success(false): fail("an operation costs more than \(costs.file) allows", 1)
  case .failure(let error): fail("\(error)", 1)
  }
}
var report = Report()
let benchmarks: [(String, (inout Report, String) throws -> Void)] = [
  ("reads", benchmarkReads), ("writes", benchmarkWrites), ("large", benchmarkLarge),
  ("recovery", benchmarkRecovery), ("compression", benchmarkCompression),
  ("compaction", benchmarkCompaction), ("frozen", benchmarkFrozen), ("ordered", benchmarkOrdered),
  ("invalidation", benchmarkInvalidation), ("attributes", benchmarkAttributes),
  ("collections", benchmarkCollections), ("caches", benchmarkCaches),
  ("tools", { [kvdump] in try benchmarkTools(&$0, $1, kvdump) }),
]
do {
  for (name, run) in benchmarks where wanted.isEmpty || wanted.contains(name) { try run(&report, folder) }
} catch {
  removeTree(folder)
  fail("\(error)", 1)
}
removeTree(folder)
print(report.short == 0 ? "\nAll targets met." : "\n\(report.short) targets missed in this run.")
