extension PlantedBug {
  /// Locks and forked processes.
  static let processes: [PlantedBug] = [
    PlantedBug(
      "second-writer-allowed", "A store that is open for writing can be opened for writing once more.",
      caughtBy: "StoreTests/opening",
      Edit(
        system, "      if errno == EAGAIN || errno == EACCES { return nil }",
        "      if errno == EAGAIN || errno == EACCES { return PLANTED ? opened : nil }")),
    PlantedBug(
      "lock-given-to-programs", "Programs that are started while a store is open keep its lock.",
      caughtBy: "SystemCallTests/descriptorsEndWithTheProgram",
      Edit(
        system, "flags | O_CLOEXEC | O_NOFOLLOW, permissions",
        "flags | (PLANTED ? 0 : O_CLOEXEC) | O_NOFOLLOW, permissions")),
    PlantedBug(
      "lock-given-to-children", "A forked child keeps the lock of its parent's store.",
      caughtBy: "ForkTests/aChildDoesNotUseItsParentsStore",
      Edit(system, "    opened.closeInChildren()\n", "    if !PLANTED { opened.closeInChildren() }\n")),
    PlantedBug(
      "fork-not-noticed", "A forked child is told that the store was closed, and not that it is its parent's.",
      caughtBy: "ForkTests/aChildDoesNotUseItsParentsStore",
      Edit(
        "Cairn/Memory/LifeMark.swift", "{ process == System.processID() }",
        "{ process == System.processID() || PLANTED }"
      )),
  ]

  private static let system = "Cairn/IO/System.swift"
}
