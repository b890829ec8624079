internal import Cairn
internal import CairnArguments
internal import CairnIndex
internal import CairnInspect

/// Entries by their attributes.
extension Command {
  static let query = Command(
    CommandSyntax(
      "query", "Lists the entries whose attributes satisfy a query, in the order of their keys' bytes.",
      positionals: [path, CommandSyntax.Positional("QUERY", .text)],
      options: [prefix, glob, escaped, CommandSyntax.Option("--count", "only how many there are")] + listing,
      notes: [
        "A query is made of comparisons (domain == \"api\", tokens > 1000, made < 2026-11-20), name in (1, 2, 3),\n"
          + "name between 1 and 9, name prefix \"a\", name has \"tag\", name exists and all, with and, or, not and\n"
          + "parentheses. An entry without the attribute, or with one of another type, satisfies no comparison;\n"
          + "one without any attributes no query.",
        "Reads the whole log, and takes memory for all keys: an index is there only in the program that has the\n"
          + "store open. See indexes for the attributes that there are. Where the log is damaged, lists the store\n"
          + "as it was before the damage, and exits with 3.",
      ])
  ) { arguments, output in
    let query: Query
    do throws(StoreError) { query = try Query(arguments.text("QUERY")!) } catch {
      throw UsageError("\(error.message), at byte \(error.byteOffset ?? 0)")
    }
    let isCounting = arguments.has("--count")
    let keysOnly = arguments.has("--keys-only") || isCounting
    return try list(arguments, keysOnly: keysOnly, isCounting: isCounting, output) { query.matches($0.attributes) }
  }

  static let indexes = Command(
    CommandSyntax(
      "indexes", "Tells what is kept of indexes, and which attributes entries have.", positionals: [path],
      options: [prefix, glob, escaped, json],
      notes: [
        "Kept are views of the store (keys in their order, say) from one session to the next; they are caches, and\n"
          + "a program that wants others makes them. Attributes are counted by name and type.",
        "Reads the whole log, and takes memory for all keys.",
      ])
  ) { arguments, output in
    let progress = Progress("reading")
    let store = try store(arguments)
    var reader = try EntryReader(store, filter: filter(arguments), progress: progress)
    let report = try IndexReport(store, &reader, progress: progress)
    progress.clear()
    try output.write(arguments.has("--json") ? report.json : report.text)
    return try finish(reader, output)
  }
}
