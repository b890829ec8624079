import CairnArguments

extension ProgramSyntax {
  static let torture = ProgramSyntax(
    name: "cairn-torture", version: "1", summary: "crashes and faults for the store, by the million",
    description: [
      "Crashes stores on a simulated disk, kills processes, makes system calls fail, and judges what is left.",
      "Each job is a process of its own and repeats by its seed; the first finding ends the run, with the command that"
        + " shows it again.",
    ],
    commands: [
      CommandSyntax(
        "run", "Everything, on all cores, for as long as told.", positionals: [Positional.minutes],
        options: [
          CommandSyntax.Option(
            "--seed", "N", .number(0...Int.max), "of the first job; how many of which kind follow, time decides"),
          CommandSyntax.Option("--fuzz", "PROGRAM", .path, "fuzz with this one of libFuzzer, too (.ci/fuzz makes it)"),
        ]),
      CommandSyntax(
        "script", "Every crash point of a script, and every image there.",
        positionals: [Positional.seed, CommandSyntax.Positional("STEPS", .text)], options: [keep],
        notes: ["Steps, one behind the other: put delete batch sync rotate checkpoint compact expire."]),
      CommandSyntax(
        "lives", "A store that crashes so many times.", positionals: [Positional.seed, Positional.count],
        options: [keep]),
      CommandSyntax(
        "kills", "A writer that is killed so many times, with followers beside it.",
        positionals: [Positional.seed, Positional.count]),
      CommandSyntax(
        "call-kills", "A writer that is killed before so many of its system calls.",
        positionals: [Positional.seed, Positional.count], options: [threads, from, at]),
      CommandSyntax(
        "call-faults", "A writer of which so many system calls fail.",
        positionals: [Positional.seed, Positional.count], options: [threads, from, at]),
    ],
    exitCodes: [
      ExitCode(0, "nothing was found"), ExitCode(1, "something was found"), ExitCode(64, "arguments that do not fit"),
    ],
    environment: [], examples: [])

  private static let threads = CommandSyntax.Option(
    "--threads", "with the threads of the store: nearly the same then, and not quite, each time")
  private static let from = CommandSyntax.Option(
    "--from", "N", .number(0...Int.max), "go on behind so many of them; they always come in the same order")
  private static let at = CommandSyntax.Option(
    "--at", "CALL", .text, "at this one only, as a finding names it: pwrite64:error=EIO:when=7, say")
  private static let keep = CommandSyntax.Option(
    "--keep", "FOLDER", .path, "write the disk on which something is found there, to be looked at with kvdump")

  private enum Positional {
    static let minutes = CommandSyntax.Positional("MINUTES", .number(1...100_000))
    static let seed = CommandSyntax.Positional("SEED", .number(0...Int.max))
    static let count = CommandSyntax.Positional("COUNT", .number(1...Int.max))
  }
}
