import Testing

@testable import CairnAttributes

@Suite struct BitmapTests {
  @Test func counts() {
    let bitmap = Bitmap()
    bitmap.insert(3)
    bitmap.insert(70_000)
    bitmap.insert(3)
    #expect(bitmap.count == 2)
  }
}
