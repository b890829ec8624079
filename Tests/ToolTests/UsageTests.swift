import CairnTestSupport
import Foundation
import Testing

/// Goal: the command line does what its help says.
@Suite struct UsageTests {
  @Test func help() throws {
    let help = try Tool.run("--help")
    #expect(help.code == 0 && help.errors.isEmpty)
    let names = ["info", "stat", "list", "get", "dump", "load", "log", "history", "verify", "repair", "copy"]
    for name in names + ["recompress", "freeze", "backup", "restore"] {
      #expect(help.text.contains("\n  \(name) "))
      let more = try Tool.run(name, "--help")
      #expect(more.code == 0 && more.text.hasPrefix("usage: kvdump \(name) PATH"))
    }
    let version = try Tool.run("--version")
    #expect(version.code == 0 && version.text.hasPrefix("kvdump ") && version.text.contains("format 1.0"))
  }

  @Test func wrongUse() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let wrong: [Tool.Result] = [
      try Tool.run(), try Tool.run("dump"), try Tool.run("info"), try Tool.run("info", fixture.path, "more"),
      try Tool.run("get", fixture.path), try Tool.run("list", fixture.path, "--limit"),
      try Tool.run("list", fixture.path, "--limit", "-1"), try Tool.run("list", fixture.path, "--limit", "many"),
      try Tool.run("list", fixture.path, "--format", "xml"), try Tool.run("list", fixture.path, "--keys-only=1"),
      try Tool.run("verify", fixture.path, "--jason"), try Tool.run("get", fixture.path, "--dash"),
    ]
    for result in wrong {
      #expect(result.code == 64 && result.output.isEmpty, "\(result)")
      #expect(result.errors.hasPrefix("kvdump: ") && result.errors.split(separator: "\n").count == 1, "\(result)")
    }
  }
}
