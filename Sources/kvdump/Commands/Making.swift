internal import Cairn
internal import CairnArguments
internal import CairnInspect

/// New stores, and texts about this program.
extension Command {
  static let repair = Command(
    CommandSyntax(
      "repair", "Makes a new store of everything that can be saved of a damaged one.", positionals: [path],
      options: [CommandSyntax.Option("--output", "DIR", .path, "where the new store is made", isNeeded: true), json],
      notes: [
        "Takes every record that verifies, of each key the newest, and tells each range of bytes that it had to skip.\n"
          + "The damaged store is not changed. A key whose remove was lost comes back; a key whose newest record was\n"
          + "lost has an older value; of a batch that has lost a record, the others are there. Of a store that is not\n"
          + "damaged, what it holds. Exits with 3 if anything was damaged, otherwise with 4 if there\n"
          + "are values that only a newer version can read (they are left out), or with 0."
      ])
  ) { arguments, output in
    let progress = Progress("repairing")
    let directory = try OutputDirectory(arguments.text("--output")!, from: arguments.text("PATH")!)
    let source = try StoreDirectory(salvaging: arguments.text("PATH")!)
    let repair = try directory.make { (path) throws(StoreError) in
      try Repair(of: source, to: path, progress: progress)
    }
    progress.clear()
    try output.write(arguments.has("--json") ? repair.json : repair.text)
    if !repair.salvage.skipped.isEmpty { return ExitCode.damaged }
    return repair.notUnderstood > 0 ? ExitCode.notUnderstood : ExitCode.success
  }

  static let copy = Command(
    CommandSyntax(
      "copy", "Copies a store as it is at one moment, also while it is being written.",
      positionals: [path, CommandSyntax.Positional("OUTPUT", .path)], options: [json],
      notes: [
        "Byte for byte, with all versions, verified on the way and on the disk when the command ends. A damaged store\n"
          + "is not copied: see repair."
      ])
  ) { arguments, output in
    let progress = Progress("copying")
    let directory = try OutputDirectory(arguments.text("OUTPUT")!, from: arguments.text("PATH")!)
    let source = try store(arguments)
    let copy = try directory.make { (path) throws(StoreError) in
      try Copy(of: source, to: path, progress: progress)
    }
    progress.clear()
    if let finding = copy.leftOut {
      StandardError.write("left out, and made anew when the copy is written: \(Escaping.text(finding.line))")
    }
    let text = "\(copy.bytes) bytes, up to sequence \(copy.lastSequence)\n"
    try output.write(arguments.has("--json") ? copy.json : text)
    return ExitCode.success
  }

  static let completions = Command(
    CommandSyntax(
      "completions", "Writes a script that lets a shell complete this program's arguments.",
      positionals: [CommandSyntax.Positional("SHELL", .choice(Shell.allCases.map(\.rawValue)))],
      lines: [
        "bash: kvdump completions bash > ~/.local/share/bash-completion/completions/kvdump",
        "zsh:  kvdump completions zsh > a folder of $fpath/_kvdump",
        "fish: kvdump completions fish > ~/.config/fish/completions/kvdump.fish",
      ])
  ) { arguments, output in
    try output.write(Program.syntax.completions(for: Shell(rawValue: arguments.text("SHELL")!)!))
    return ExitCode.success
  }

  static let manual = Command(
    CommandSyntax("manual", "Writes the manual page; kvdump manual | man -l - shows it.", positionals: [])
  ) { _, output in
    try output.write(Program.syntax.manualPage)
    return ExitCode.success
  }
}
