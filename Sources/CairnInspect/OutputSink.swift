package import Cairn

/// Where lines go.
package protocol OutputSink: AnyObject {
  func write(_ bytes: [UInt8]) throws(StoreError)
}
