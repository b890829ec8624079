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
          + "lost has an older value; of a batch that has lost a record, the others are there. An entry whose value\n"
          + "cannot be decompressed is left out. Values stay compressed as they are, but for those that need the\n"
          + "dictionary of their segment, which are compressed anew. Of a store that is not damaged, what it\n"
          + "holds. Exits with 3 if anything was damaged, otherwise with 4 if there are values that only a newer\n"
          + "version can read (they are left out), or with 0."
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
    if !repair.salvage.skipped.isEmpty || repair.broken > 0 { return ExitCode.damaged }
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

  static let compact = Command(
    CommandSyntax(
      "compact", "Gives the space back of what has been replaced, removed or has expired.", positionals: [path],
      options: [json],
      notes: [
        "Writes what is live in segments with dead records once more, and removes these segments. May be interrupted\n"
          + "at any moment, and run again. No other process may have the store open for writing; a program that has\n"
          + "it does this by itself, as its options say. Exits with 3 if there are damaged records: their segments\n"
          + "stay, and everything else is compacted."
      ])
  ) { arguments, output in
    let progress = Progress("compacting")
    var options = Store.Options(.mustExist)
    options.compaction.isAutomatic = false
    // Values that have a dictionary keep one; where there is none, values are moved as they are.
    options.compression = .zstd()
    let store = try Store.open(at: arguments.text("PATH")!, options: options)
    var interruption: StoreError?
    let before = store.statistics
    let result = Result { () throws(StoreError) in
      try store.compact { done in
        do throws(StoreError) {
          try progress.advance(to: done.bytesReclaimed, of: done.bytes)
          return true
        } catch {
          interruption = error
          return false
        }
      }
    }
    let after = store.statistics
    try store.close()
    progress.clear()
    if let interruption { throw interruption }
    let bytes = (before.liveBytes + before.deadBytes, after.liveBytes + after.deadBytes)
    if arguments.has("--json") {
      try output.write("{\"bytesBefore\": \(bytes.0), \"bytesAfter\": \(bytes.1), \"liveBytes\": \(after.liveBytes)}\n")
    } else {
      try output.write("\(bytes.0) bytes of log have become \(bytes.1), of which \(after.liveBytes) are live\n")
    }
    try result.get()
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
