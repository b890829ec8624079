#if PEER_TKRZW
  import BenchmarkSupport
  import CTkrzw

  final class TkrzwPeer: Peer {
    static let name = "Tkrzw"
    static let version = String(cString: TKRZW_PACKAGE_VERSION)
    static let durabilities: Set<Durability> = [.relaxed]
    static let abilities: Abilities = [.scan]
    static let settings =
      "HashDBM in memory-mapped files, in-place updates, twice as many buckets as keys, read in place by process()"

    let database: UnsafeMutablePointer<TkrzwDBM>

    init(_ options: PeerOptions) throws {
      let settings =
        "dbm=HashDBM,file=MemoryMapParallelFile,num_buckets=\(options.keys * 2),offset_width=5"
      guard let opened = tkrzw_dbm_open(options.path, true, settings) else { throw lastError() }
      database = opened
    }

    func session() throws -> any Session { TkrzwSession(database) }

    func settle() throws {}

    func close() throws {
      if !tkrzw_dbm_close(database) { throw lastError() }
    }
  }

  private final class TkrzwSession: Session {
    let database: UnsafeMutablePointer<TkrzwDBM>

    init(_ database: UnsafeMutablePointer<TkrzwDBM>) { self.database = database }

    /// Where a value goes, and what its size was.
    struct Reading {
      let target: UnsafeMutableRawPointer
      var size: Int32 = -1
    }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      var reading = Reading(target: target.baseAddress!)
      let worked = tkrzw_dbm_process(
        database, key.chars, Int32(key.count),
        { context, _, _, value, size, _ in
          if let value {
            let reading = context!.assumingMemoryBound(to: Reading.self)
            reading.pointee.target.copyMemory(from: value, byteCount: Int(size))
            reading.pointee.size = size
          }
          return TKRZW_REC_PROC_NOOP
        }, &reading, false)
      if !worked { throw lastError() }
      return reading.size < 0 ? nil : Int(reading.size)
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      if !tkrzw_dbm_set(database, key.chars, Int32(key.count), value.chars, Int32(value.count), true) {
        throw lastError()
      }
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      if !tkrzw_dbm_remove(database, key.chars, Int32(key.count)),
        tkrzw_get_last_status_code() != TKRZW_STATUS_NOT_FOUND_ERROR
      {
        throw lastError()
      }
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      var scanning = (target: target.baseAddress!, count: 0)
      let worked = tkrzw_dbm_process_each(
        database,
        { context, _, _, value, size, _ in
          // Called without a value before the first and after the last entry.
          if let value, size >= 0 {
            let scanning = context!.assumingMemoryBound(to: (target: UnsafeMutableRawPointer, count: Int).self)
            scanning.pointee.target.copyMemory(from: value, byteCount: Int(size))
            scanning.pointee.count += 1
          }
          return TKRZW_REC_PROC_NOOP
        }, &scanning, false)
      if !worked { throw lastError() }
      return scanning.count
    }
  }

  private func lastError() -> PeerError {
    PeerError("Tkrzw: \(String(cString: tkrzw_get_last_status_message()))")
  }
#endif
