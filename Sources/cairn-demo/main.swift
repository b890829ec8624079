internal import Cairn
internal import Glibc

let usage = """
  usage: cairn-demo [DIRECTORY]

  Analyses every file below DIRECTORY (/usr/share/doc if none is given) through a Cairn store that remembers the
  results: first all of them, then none, then the one that was touched. Then kills a process that writes to a store,
  and shows that nothing is lost. Changes nothing in DIRECTORY.
  """

let arguments = Array(CommandLine.arguments.dropFirst())
signal(SIGPIPE, SIG_IGN)
do {
  if arguments.count == 2 && arguments[0] == KillDemo.childFlag {
    try KillDemo.child(arguments[1])
    exit(0)
  }
  if arguments.contains("--help") || arguments.contains("-h") {
    print(usage)
    exit(0)
  }
  guard arguments.count <= 1, arguments.first?.hasPrefix("-") != true else {
    printError(usage)
    exit(64)
  }
  let folder = arguments.first ?? "/usr/share/doc"
  guard Files.isDirectory(folder) else {
    printError("cairn-demo: \(folder) is not a directory")
    exit(66)
  }
  guard let demo = Demo(analysing: folder) else { exit(73) }
  exit(try demo.run() ? 0 : 1)
} catch {
  printError("cairn-demo: \(error)")
  exit(1)
}
