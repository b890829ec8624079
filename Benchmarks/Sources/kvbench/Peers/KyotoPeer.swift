#if PEER_KYOTO
  import BenchmarkSupport
  import CKyoto

  final class KyotoPeer: Peer {
    static let name = "Kyoto"
    static let version = String(cString: KCVERSION)
    static let durabilities: Set<Durability> = [.relaxed]
    static let abilities: Abilities = [.scan]
    static let settings = "HashDB, twice as many buckets as keys, everything mapped (msiz), in-place updates"

    let database: UnsafeMutablePointer<KCDB>

    init(_ options: PeerOptions) throws {
      database = kcdbnew()
      let mapped = options.dataBytes * 2 + 256 << 20
      let settings = "\(options.path).kch#bnum=\(options.keys * 2)#msiz=\(mapped)"
      if kcdbopen(database, settings, UInt32(KCOWRITER | KCOCREATE)) == 0 {
        throw lastError(database)
      }
    }

    func session() throws -> any Session { KyotoSession(database) }

    func settle() throws {}

    func close() throws {
      defer { kcdbdel(database) }
      if kcdbclose(database) == 0 { throw lastError(database) }
    }
  }

  private final class KyotoSession: Session {
    let database: UnsafeMutablePointer<KCDB>

    init(_ database: UnsafeMutablePointer<KCDB>) { self.database = database }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      let size = kcdbgetbuf(
        database, key.chars, key.count, target.baseAddress!.assumingMemoryBound(to: CChar.self), target.count)
      if size < 0, kcdbecode(database) != Int32(KCENOREC) { throw lastError(database) }
      return size < 0 ? nil : Int(size)
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      if kcdbset(database, key.chars, key.count, value.chars, value.count) == 0 { throw lastError(database) }
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      if kcdbremove(database, key.chars, key.count) == 0, kcdbecode(database) != Int32(KCENOREC) {
        throw lastError(database)
      }
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      var scanning = (target: target.baseAddress!, count: 0)
      let worked = kcdbiterate(
        database,
        { _, _, value, size, _, context in
          let scanning = context!.assumingMemoryBound(to: (target: UnsafeMutableRawPointer, count: Int).self)
          scanning.pointee.target.copyMemory(from: value!, byteCount: size)
          scanning.pointee.count += 1
          return KCVISNOP
        }, &scanning, 0)
      if worked == 0 { throw lastError(database) }
      return scanning.count
    }
  }

  private func lastError(_ database: UnsafeMutablePointer<KCDB>) -> PeerError {
    PeerError("Kyoto: \(String(cString: kcdbemsg(database)))")
  }
#endif
