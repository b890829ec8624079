internal import Glibc

public enum Sanitizer {
  /// Whether this is a run under the thread sanitizer, in which everything takes long.
  public static let isOfThreads = unsafe dlsym(nil, "__tsan_init") != nil
}
