# Everything a newcomer needs: `make demo`, `make test`. Prerequisites are installed by .ci/prerequisites.

SWIFT_FLAGS = -Xswiftc -warnings-as-errors
SOURCES = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

.PHONY: help demo test lint bench sanitize clean

help:
	@echo 'make demo      analyse the files of a folder through a store, and survive a kill -9'
	@echo 'make test      all tests, in debug and in release, and the concurrent ones under the thread sanitizer'
	@echo 'make lint      swift format, strictly'
	@echo 'make bench     the figures of the README'
	@echo 'make sanitize  all tests under the address sanitizer'
	@echo 'make clean     remove what was built'

demo:
	@.ci/prerequisites
	swift build -c release $(SWIFT_FLAGS) --product cairn-demo
	swift build -c release $(SWIFT_FLAGS) --product kvdump
	.build/release/cairn-demo

test:
	@.ci/prerequisites
	swift test $(SWIFT_FLAGS)
	swift test -c release -Xswiftc -enable-testing $(SWIFT_FLAGS) --scratch-path .build/testing
	swift test --sanitize=thread --scratch-path .build/thread --filter Concurren

lint:
	@.ci/prerequisites
	swift format lint --strict --recursive $(SOURCES)

bench:
	@.ci/prerequisites
	swift build -c release --package-path Benchmarks
	Benchmarks/.build/release/cairn-bench

sanitize:
	@.ci/prerequisites
	@# XCTest itself leaks two blocks, which would make every run fail.
	ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path .build/address

clean:
	rm -rf .build Benchmarks/.build
