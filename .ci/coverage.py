"""What part of the engine's regions the tests have executed, by file, and each region that none has.

What a precondition says when it ends the process is not counted: nothing may ever do that.

coverage.py EXPORT LEAST: EXPORT is what `llvm-cov export` writes; ends with 1 below LEAST percent, or where a line of
recovery or parsing throws that no test has reached.
"""

import json
import re
import sys

# Whatever reads bytes from the disk.
PARSING = re.compile(r"/(Recovery[^/]*|Engine\+Open|Engine\+Follow|EarlierBackup|Frozen(Header|Record|Store)|Store\+Changes)"
                     r"\.swift$|/(Format|Log)/|/Views/(Checkpoint|HashIndex\+Load)")
REFUSAL = re.compile(r"\bthrow\b|\.damaged\(")
# The text of a line, and why no test can reach it at will.
UNREACHED = {
    "throw deadError()": "a close that comes between two lines",
    "overtakenError(": "ten compactions, each between the same two lines",
    "throw removedError()": "a segment that goes between two lines",
    "a segment has gone": "a file that is removed between two lines",
    "record.header.kind == RecordHeader.Kind.put && !record.header.isUnderstood": "compaction moves nothing of the kind",
}


def regions_of(functions):
    """By file: whether each region, by its place, was executed in any instance of its function."""
    files = {}
    for function in functions:
        for start, column, end, last, count, file, _, kind in function["regions"]:
            if kind != 0:
                continue
            places = files.setdefault(function["filenames"][file], {})
            place = (start, column, end, last)
            places[place] = places.get(place, 0) + count
    return files


def main(path, least):
    with open(path) as file:
        export = json.load(file)["data"][0]
    files = regions_of(export["functions"])
    engine = {name[name.index("Sources/Cairn/"):]: places for name, places in files.items() if "Sources/Cairn/" in name}
    total = executed = 0
    missed = []
    refusals = []
    for name, places in sorted(engine.items()):
        with open(name) as source:
            lines = source.read().split("\n")
        places = {
            place: count for place, count in places.items() if count or "precondition" not in lines[place[0] - 1]
        }
        there = sum(1 for count in places.values() if count)
        total += len(places)
        executed += there
        print(f"{100 * there / len(places):6.1f} %  {there:5} of {len(places):5}  {name}")
        for start, column, end, _ in sorted(place for place, count in places.items() if not count):
            missed.append(f"{name}:{start}:{column}: {lines[start - 1].strip()[:90]}")
            text = "\n".join(lines[start - 1 : end])
            if PARSING.search(name) and REFUSAL.search(text) and not any(part in text for part in UNREACHED):
                refusals.append(missed[-1])
    print("\nnot executed:")
    print("\n".join(missed))
    if refusals:
        print("\nthrown in recovery or parsing, and never reached:")
        print("\n".join(refusals))
    share = 100 * executed / total
    print(f"\n{share:.2f} % of {total} regions of Sources/Cairn")
    return 0 if share >= least and not refusals else 1


sys.exit(main(sys.argv[1], float(sys.argv[2])))
