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

    package var isPage: Bool { if case .page = self { true } else { false } }
  }

  /// A page that was being written when the power failed: of some sectors the new content, of the others the old one.
  static func torn(_ old: [UInt8], _ new: [UInt8], _ isWritten: (Int) -> Bool) -> [UInt8] {
    var result = old
    for sector in 0..<sectorsPerPage where isWritten(sector) {
      let range = sector * sectorBytes..<(sector + 1) * sectorBytes
      result.overwrite(at: range.lowerBound, with: Array(new[range]))
    }
    return result
  }
}

extension SimulatedDisk.Content {
  /// The same where the checkpoint has been lost.
  package var withoutCheckpoint: Self {
    var result = self
    result.names = names.filter { $0.key.split(separator: "/").last.map(String.init) != CheckpointHeader.name }
    result.syncedNames = result.names
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

  /// The images in which everything has reached the disk, but of one page only some sectors.
  package func everyTear(of doubt: SimulatedDisk.Doubt) -> [Self] {
    guard case .page(let number, let page) = doubt, let inode = inodes[number] else { return [] }
    let whole = image(with: Set(doubts))
    guard whole.inodes[number] != nil else { return [] }
    let (old, new) = (SimulatedDisk.Inode.page(page, inode.synced), inode.versions[page]!.last!)
    return (0..<1 << SimulatedDisk.sectorsPerPage).map { subset in
      var image = whole
      let torn = SimulatedDisk.torn(old, new) { subset >> $0 & 1 == 1 }
      var content = image.inodes[number]!.content
      let size = content.count
      Self.replace(page, of: &content, with: torn)
      content = Self.resized(content, size)
      image.inodes[number] = SimulatedDisk.Inode(content: content, synced: content)
      return image
    }
  }

  /// The same for images that hold the same under the same names.
  package var digest: UInt64 {
    names.sorted { $0.key < $1.key }.reduce(0) { digest, name in
      let content = inodes[name.value]?.content ?? []
      let name = Array(name.key.utf8)
      return unsafe MemoryView(content.span.bytes).hash(seed: MemoryView(name.span.bytes).hash(seed: digest))
    }
  }

  /// What the machine may find after a power failure: besides, pages in the middle of being written, and older
  /// versions.
  /// - Parameter isParanoid: a file system that promises less: any page in doubt may hold garbage, and a rename may
  ///   have taken the old name away without giving the new one.
  package func afterPowerFailure(_ random: inout SeededRandom, isParanoid: Bool = false) -> Self {
    let (mode, pivot) = (random.below(4), random.below(max(1, changes.count)))
    let kept = changes.indices.map { [false, true, $0 < pivot, random.percent(50)][mode] }
    var state = random
    var content = self
    if isParanoid {
      content.changes = changes.map { directory, change in
        guard case .rename(let from, _, _) = change, state.percent(30) else { return (directory, change) }
        return (directory, .remove(from))
      }
    }
    let result = content.afterPowerFailure(names: { kept[$0] }) { _, inode in
      inode.afterPowerFailure(&state, isParanoid: isParanoid)
    }
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

  static func replace(_ page: Int, of image: inout [UInt8], with new: [UInt8]) {
    let start = page * SimulatedDisk.pageBytes
    if image.count < start + new.count {
      image.appendZeros(start + new.count - image.count)
    }
    image.overwrite(at: start, with: new)
  }

  static func resized(_ image: [UInt8], _ size: Int) -> [UInt8] {
    if image.count >= size { return Array(image[..<size]) }
    var image = image
    image.appendZeros(size - image.count)
    return image
  }
}

extension SimulatedDisk.Inode {
  /// What the disk may hold of it after a power failure.
  func afterPowerFailure(_ random: inout SeededRandom, isParanoid: Bool) -> [UInt8] {
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
      if random.percent(20) { new = SimulatedDisk.torn(old, new) { _ in random.percent(50) } }
      let mayRot = isParanoid || page * SimulatedDisk.pageBytes >= synced.count
      if mayRot && random.percent(isParanoid ? 20 : 3) { new = random.bytes(SimulatedDisk.pageBytes) }
      SimulatedDisk.Content.replace(page, of: &image, with: new)
    }
    return SimulatedDisk.Content.resized(image, size)
  }
}
