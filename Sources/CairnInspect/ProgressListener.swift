package import Cairn

/// Who is told how far a long task has come.
package protocol ProgressListener: AnyObject {
  /// - Throws: to end the task.
  func advance(to done: Int, of total: Int) throws(StoreError)
}
