// Measures a store alone: what its own promises are about. Every figure of the README's table comes from here.
import BenchmarkSupport
import Cairn
import Glibc

let usage = """
  usage: cairn-bench [reads] [writes] [large] [recovery] [--folder PATH]
  Without names, all of them. PATH (a temporary folder) needs 4 GB of space.
  """

var wanted: Set<String> = []
var parent = "/tmp"
var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.count == 4, arguments[0] == "--fill-and-die", let count = Int(arguments[2]), let size = Int(arguments[3]) {
  try fillAndDie(arguments[1], count, size)
}
while let argument = arguments.first {
  arguments.removeFirst()
  switch argument {
  case "reads", "writes", "large", "recovery": wanted.insert(argument)
  case "--folder" where !arguments.isEmpty: parent = arguments.removeFirst()
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
var report = Report()
let benchmarks: [(String, (inout Report, String) throws -> Void)] = [
  ("reads", benchmarkReads), ("writes", benchmarkWrites), ("large", benchmarkLarge),
  ("recovery", benchmarkRecovery),
]
do {
  for (name, run) in benchmarks where wanted.isEmpty || wanted.contains(name) { try run(&report, folder) }
} catch {
  removeTree(folder)
  fail("\(error)", 1)
}
removeTree(folder)
print(report.short == 0 ? "\nAll targets met." : "\n\(report.short) targets missed in this run.")
