public import Cairn
public import Foundation

extension StoreError: LocalizedError {
  /// The sentence of ``StoreError/description``.
  public var errorDescription: String? { description }
}

extension StoreError: CustomNSError {
  public static var errorDomain: String { "Cairn.StoreError" }
  /// The code's raw value, which does not change between versions.
  public var errorCode: Int { Int(code.rawValue) }
  public var errorUserInfo: [String: Any] { [NSLocalizedDescriptionKey: description] }
}
