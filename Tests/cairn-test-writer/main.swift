// Writes to a store until it is killed or has come to the end, and says on standard output what has been acknowledged.
// usage: cairn-test-writer PATH relaxed|process|disk FIRST [END]
//        cairn-test-writer PATH follow        goes along with what another one counts, until that has come to "end"
//        cairn-test-writer PATH count FIRST   counts until it is killed
import Cairn
import CairnTestSupport
import Glibc

let arguments = CommandLine.arguments
do {
  if arguments.count == 3, arguments[2] == "follow" {
    print("counted \(try Counting.follow(arguments[1]))")
    exit(0)
  }
  if arguments.count == 4, arguments[2] == "count", let first = Int(arguments[3]) {
    try Counting.count(arguments[1], from: first, to: .max) {
      print($0)
      fflush(nil)
    }
  }
} catch {
  print("error: \(error)")
  exit(1)
}
guard arguments.count == 4 || arguments.count == 5, let first = Int(arguments[3]),
  let end = arguments.count == 5 ? Int(arguments[4]) : Int.max
else { exit(64) }
var options = Store.Options()
options.durability = arguments[2] == "disk" ? .disk : arguments[2] == "process" ? .process : .relaxed
options.segmentBytes = 64 << 10
options.checkpointInterval = 200_000
do {
  let store = try Store.open(at: arguments[1], options: options)
  var number = first
  while number < end {
    let value = SelfDescribing.value(number)
    if number % 10 == 9 {
      try store.write { batch in
        for part in 0..<3 { try batch.put(value, for: SelfDescribing.key(number, part: part)) }
      }
    } else {
      try store.put(value, for: SelfDescribing.key(number, part: 0))
    }
    // One small write to a pipe: whole or not at all.
    print(number)
    fflush(nil)
    number += 1
  }
  try store.close()
} catch {
  print("error: \(error)")
  exit(1)
}
