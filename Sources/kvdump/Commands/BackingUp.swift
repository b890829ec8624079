internal import Cairn
internal import CairnArguments

/// Backups, and stores made from them.
extension Command {
  static let backup = Command(
    CommandSyntax(
      "backup", "Makes a backup of a store, or brings an earlier one up to date, also while the store is written to.",
      positionals: [path, CommandSyntax.Positional("BACKUP", .path)],
      options: [
        CommandSyntax.Option("--since", "DIR", .path, "another backup of the store: what it has is linked, not copied"),
        CommandSyntax.Option("--verify-kept", "reads also what is kept; what has been damaged is copied anew"), json,
      ],
      notes: [
        "A backup is a store of its own, as the other one was at one moment, closed cleanly. What is copied is\n"
          + "verified. An earlier backup at the place is replaced at once, when the new one is whole and on the disk;\n"
          + "segments that have not changed are linked. Only a backup of the same store is replaced, and none that\n"
          + "has been written to."
      ])
  ) { arguments, output in
    let progress = Progress("backing up")
    let store = try Store.open(at: arguments.text("PATH")!, options: Store.Options(.readOnly))
    let done = try store.backup(
      to: arguments.text("BACKUP")!, since: arguments.text("--since"), verifyingKept: arguments.has("--verify-kept")
    ) { (done) throws(StoreError) in
      try progress.advance(to: done.bytesCopied + done.bytesKept, of: done.bytes)
    }
    try store.close()
    progress.clear()
    try write(done, arguments, output)
    return ExitCode.success
  }

  static let restore = Command(
    CommandSyntax(
      "restore", "Makes a store from a backup.", positionals: [path, CommandSyntax.Positional("OUTPUT", .path)],
      options: [
        CommandSyntax.Option("--replace", "the store that the backup is of may be at OUTPUT: it is lost"), json,
      ],
      notes: [
        "All of the backup (PATH) is verified, and left as it is. OUTPUT must not exist, or be an empty directory; it\n"
          + "is there when the store is whole and on the disk. With --replace, it takes the place of the store there\n"
          + "at once, which nobody may have open for writing."
      ])
  ) { arguments, output in
    let progress = Progress("restoring")
    let done = try Store.restore(
      from: arguments.text("PATH")!, to: arguments.text("OUTPUT")!, replacing: arguments.has("--replace")
    ) { (done) throws(StoreError) in
      try progress.advance(to: done.bytesCopied, of: done.bytes)
    }
    progress.clear()
    try write(done, arguments, output)
    return ExitCode.success
  }

  private static func write(
    _ done: Store.BackupProgress, _ arguments: Arguments, _ output: StandardOutput
  ) throws(StoreError) {
    if arguments.has("--json") {
      try output.write(
        "{\n  \"bytesCopied\": \(done.bytesCopied),\n  \"bytesKept\": \(done.bytesKept),\n"
          + "  \"lastSequence\": \(done.lastSequence)\n}\n")
    } else {
      try output.write(
        "\(done.bytesCopied) bytes copied, \(done.bytesKept) kept, up to sequence \(done.lastSequence)\n")
    }
  }
}
