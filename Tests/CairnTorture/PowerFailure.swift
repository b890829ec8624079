internal import Cairn
package import CairnTestSupport

extension SimulatedDisk {
  /// Something of which a power failure leaves the old or the new.
  package enum Doubt: Hashable, Sendable {
    /// A change to a directory, by its place among those since the last sync.
    case name(Int)
    /// The size of a file, by its inode.
    case size(Int)
    /// A page of a file.
    case page(inode: Int, Int)
  }
}

extension SimulatedDisk.Content {
  /// The same where the checkpoint has been lost.
  package var withoutCheckpoint: Self {
    var result = self
    result.names[CheckpointHeader.name] = nil
    result.syncedNames[CheckpointHeader.name] = nil
    result.changes = []
    return result
  }

  /// All that is in doubt, in an order that is the same every time.
  package var doubts: [SimulatedDisk.Doubt] {
    var result = changes.indices.map { SimulatedDisk.Doubt.name($0) }
    for (number, inode) in inodes.sorted(by: { $0.key < $1.key }) {
      if inode.content.count != inode.synced.count { result.append(.size(number)) }
      result += inode.versions.keys.sorted().map { .page(inode: number, $0) }
    }
    return result
  }

  /// What the machine finds after a power failure, if the disk has got this of what was in doubt, and only this.
  package func image(with reached: Set<SimulatedDisk.Doubt>) -> Self {
    afterPowerFailure(names: { reached.contains(.name($0)) }) { number, inode in
      var image = inode.synced
      for page in inode.versions.keys.sorted() where reached.contains(.page(inode: number, page)) {
        Self.replace(page, of: &image, with: inode.versions[page]!.last!)
      }
      let size = reached.contains(.size(number)) ? inode.content.count : inode.synced.count
      return Self.resized(image, size)
    }
  }

  /// Every such image; `nil` if more than so many things are in doubt.
  package func everyImage(doubtsAtMost most: Int) -> [Self]? {
    let doubts = doubts
    if doubts.count > most { return nil }
    return (0..<1 << doubts.count).map { mask in
      image(with: Set(doubts.indices.filter { mask >> $0 & 1 == 1 }.map { doubts[$0] }))
    }
  }

  /// What the machine may find after a power failure: besides, pages in the middle of being written, and older versions.
  package func afterPowerFailure(_ random: inout SeededRandom) -> Self {
    let (mode, pivot) = (random.below(4), random.below(max(1, changes.count)))
    let kept = changes.indices.map { [false, true, $0 < pivot, random.percent(50)][mode] }
    var state = random
    let result = afterPowerFailure(names: { kept[$0] }) { _, inode in inode.afterPowerFailure(&state) }
    random = state
    return result
  }

  private func afterPowerFailure(
    names isKept: (Int) -> Bool, _ content: (Int, SimulatedDisk.Inode) -> [UInt8]
  ) -> Self {
    var result = Self()
    result.exists = exists
    var names = syncedNames
    for (number, change) in changes.enumerated() where isKept(number) { change.change.apply(to: &names) }
    let directories = Set(names.filter { $0.key.hasSuffix("/") }.values.map { "#\($0)" })
    // In order: random numbers are drawn meanwhile.
    for (name, number) in names.sorted(by: { $0.key < $1.key }) {
      if name.hasSuffix("/") { result.names[name] = number }
      // Files of a directory that is not there are lost.
      let directory = name.split(separator: "/").first.map(String.init) ?? ""
      if name.contains("/") && !directories.contains(directory) { continue }
      guard let inode = inodes[number] else { continue }
      if result.inodes[number] == nil {
        let image = content(number, inode)
        result.inodes[number] = SimulatedDisk.Inode(content: image, synced: image)
      }
      result.names[name] = number
    }
    result.syncedNames = result.names
    return result
  }

  fileprivate static func replace(_ page: Int, of image: inout [UInt8], with new: [UInt8]) {
    let start = page * SimulatedDisk.pageBytes
    if image.count < start + new.count {
      image.append(contentsOf: repeatElement(0, count: start + new.count - image.count))
    }
    image.replaceSubrange(start..<start + new.count, with: new)
  }

  fileprivate static func resized(_ image: [UInt8], _ size: Int) -> [UInt8] {
    image.count < size ? image + repeatElement(0, count: size - image.count) : Array(image[..<size])
  }
}

extension SimulatedDisk.Inode {
  /// What the disk may hold of it after a power failure.
  func afterPowerFailure(_ random: inout SeededRandom) -> [UInt8] {
    var image = synced
    let sizes = [
      synced.count, content.count,
      min(synced.count, content.count) + random.below(1 + abs(synced.count - content.count)),
    ]
    let size = sizes[random.below(3)]
    let pages = versions.keys.sorted()
    // Which pages have reached the disk: none, all, all but one, only one, those before or after some place, any.
    let (mode, pivot) = (random.below(7), random.below(max(1, pages.count)))
    for (number, page) in pages.enumerated() {
      let isWritten = [
        false, true, number != pivot, number == pivot, number < pivot, number >= pivot, random.percent(50),
      ][mode]
      let old = Self.page(page, image)
      var new = isWritten ? versions[page]!.last! : old
      if mode == 6 { new = ([old] + versions[page]!)[random.below(1 + versions[page]!.count)] }
      if random.percent(20) {
        for sector in 0..<SimulatedDisk.pageBytes / SimulatedDisk.sectorBytes where random.percent(50) {
          let range = sector * SimulatedDisk.sectorBytes..<(sector + 1) * SimulatedDisk.sectorBytes
          new.replaceSubrange(range, with: old[range])
        }
      }
      if page * SimulatedDisk.pageBytes >= synced.count && random.percent(3) {
        new = random.bytes(SimulatedDisk.pageBytes)
      }
      SimulatedDisk.Content.replace(page, of: &image, with: new)
    }
    return SimulatedDisk.Content.resized(image, size)
  }
}
