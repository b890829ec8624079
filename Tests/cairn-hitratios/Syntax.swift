import CairnArguments
import CairnSimulation

extension ProgramSyntax {
  static let hitRatios = ProgramSyntax(
    name: "cairn-hitratios", version: "1", summary: "what policies of caches would have to fetch",
    description: [
      "Runs policies over traces of requests, without a disk, and says which part of the requests hits with caches of"
        + " which sizes.",
      "Beside the public traces, which are not part of the repository, it generates some of which the answers are"
        + " known.",
    ],
    commands: [
      CommandSyntax(
        "run", "Prints a table for each trace, and one of all together.", positionals: [],
        options: [
          CommandSyntax.Option("--traces", "FOLDER", .path, "where the public traces are"),
          CommandSyntax.Option("--output", "FOLDER", .path, "write the tables and the charts there, too"),
          CommandSyntax.Option("--policy", "NAMES", .text, "only these, and LRU, with commas between them"),
          CommandSyntax.Option("--json", "print JSON instead"),
        ],
        notes: [
          "Policies: \(Contender.all.map(\.name).joined(separator: ", ")).",
          "Files: hitratios.md and hitratios.svg; hitratios-part.md and .svg where policies or public traces are left"
            + " out.",
        ])
    ],
    exitCodes: [
      ExitCode(0, "what is published has been counted here as well"),
      ExitCode(1, "something else has been counted, or a file cannot be read or written"),
      ExitCode(64, "arguments that do not fit"),
    ],
    environment: [("CAIRN_TRACES", "where the public traces are, without --traces")],
    examples: [
      ("cairn-hitratios run --output Benchmarks/Results", "everything"),
      ("cairn-hitratios run --policy SIEVE,S3-FIFO", "two policies beside LRU and the optimum"),
    ])
}
