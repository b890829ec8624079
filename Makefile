# Everything a newcomer needs: `make demo`, `make test`. Prerequisites are installed by .ci/prerequisites.

SWIFT_FLAGS = -Xswiftc -warnings-as-errors
SOURCES = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests
BENCHMARKS = Benchmarks/.build/release
# Tests with several threads.
THREADED = Concurren|BesideOthers|GoneEntries|besideWriterAndCompaction|twoAtOnce|aGroupFailsAsAWhole|byItself|ObserveTests
THREADS = TSAN_OPTIONS=suppressions=$(CURDIR)/.ci/thread-sanitizer.suppressions

.PHONY: help demo test planted golden lint bench bench-quick bench-own hitratios costs sanitize coverage fuzz torture clean

help:
	@echo 'make demo      analyse the files of a folder through a store, and survive a kill -9'
	@echo 'make test      all tests, in debug and in release, and the concurrent ones under the thread sanitizer'
	@echo 'make planted   bugs are planted in a copy of the sources, and each must be found by the test that it names'
	@echo 'make lint      swift format, strictly'
	@echo 'make golden    writes the stores of Formats/v1 that are missing, and the manual page of kvdump'
	@echo 'make costs     instructions, allocations, system calls and bytes of operations, against what is allowed'
	@echo 'make bench     the figures of the README: Cairn and other engines side by side (an hour, 40 GB of disk)'
	@echo 'make bench-quick  the part of it that the targets are about (under 4 minutes)'
	@echo 'make bench-own    Cairn alone, against its own promises (5 minutes)'
	@echo 'make hitratios  what policies of caches would have to fetch, in tables and drawn (3 minutes)'
	@echo 'make sanitize  all tests under the sanitizers of addresses and of undefined behaviour'
	@echo 'make coverage  what part of the engine the tests execute, and each place that none does'
	@echo 'make fuzz      random bytes for everything that reads (SECONDS=60 for each of eleven targets)'
	@echo 'make torture   crashes, kills, faults and random bytes on all cores (MINUTES=5; see Tests/TORTURE.md)'
	@echo 'make clean     remove what was built'

demo:
	@.ci/prerequisites
	swift build -c release $(SWIFT_FLAGS) --product cairn-demo
	swift build -c release $(SWIFT_FLAGS) --product kvdump
	.build/release/cairn-demo

test:
	@.ci/prerequisites test
	.ci/swift-test $(SWIFT_FLAGS)
	.ci/swift-test -c release -Xswiftc -enable-testing $(SWIFT_FLAGS) --scratch-path .build/testing
	$(THREADS) .ci/swift-test -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path .build/thread \
		--filter "$(THREADED)"
	.ci/swift-test --package-path Benchmarks $(SWIFT_FLAGS)

planted:
	@.ci/prerequisites
	swift build --product cairn-planted
	swift run --skip-build cairn-planted $(BUGS)

golden:
	@.ci/prerequisites
	swift build
	swift run --skip-build cairn-golden Formats/v1
	swift run --skip-build cairn-golden --frozen Formats/frozen-v1
	swift run --skip-build kvdump manual > Sources/kvdump/kvdump.1

lint:
	@.ci/prerequisites
	swift format lint --strict --recursive $(SOURCES)

costs:
	@.ci/prerequisites costs
	swift build -c release --package-path Benchmarks --product cairn-bench
	$(BENCHMARKS)/cairn-bench --check-costs Benchmarks/costs.json

bench:
	@.ci/prerequisites bench
	@mkdir -p Benchmarks/Results
	swift build -c release --package-path Benchmarks --manifest-cache none
	$(BENCHMARKS)/kvbench contest --results Benchmarks/Results

bench-quick:
	@.ci/prerequisites bench
	swift build -c release --package-path Benchmarks --manifest-cache none
	$(BENCHMARKS)/kvbench contest --quick

bench-own:
	@.ci/prerequisites own
	swift build -c release --product kvdump
	swift build -c release --package-path Benchmarks --product cairn-bench --manifest-cache none
	$(BENCHMARKS)/cairn-bench

hitratios:
	@.ci/prerequisites
	@mkdir -p Benchmarks/Results
	swift build -c release $(SWIFT_FLAGS) --product cairn-hitratios
	.build/release/cairn-hitratios run --output Benchmarks/Results

sanitize:
	@.ci/prerequisites test
	@# XCTest itself leaks two blocks, which would make every run fail; a process that dies of SIGBUS is to do so. Of
	@# undefined behaviour, which Swift has none of by itself, the parts in C end the process.
	ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0 .ci/swift-test --sanitize=address --scratch-path .build/sanitized \
	  -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined

coverage:
	@.ci/prerequisites test
	.ci/coverage

fuzz:
	@.ci/prerequisites
	.ci/fuzz $(or $(SECONDS),60)

torture:
	@.ci/prerequisites test
	.ci/fuzz 0
	swift build -c release $(SWIFT_FLAGS) --product cairn-test-writer
	swift build -c release $(SWIFT_FLAGS) --product cairn-torture
	.build/release/cairn-torture run $(or $(MINUTES),5) --fuzz .build/fuzz/release/cairn-fuzz

clean:
	rm -rf .build Benchmarks/.build
