#!/usr/bin/env python3
"""Writes a store of format 1. Written from SPEC.md alone, to prove that it suffices; shares nothing with the engine.

usage: writer.py PATH [--open] [--compacted SEED] < LINES
           makes a store of a dump (section 8): a put for each line, in their order, or a remove for a line without a
           value; versions are counted anew
       --open: as a killed process leaves it, without the seal of a clean close
       --compacted: in many segments, of which some are compacted on the way, as chance will have it

Needs libxxhash (XXH3 is not in Python's library).
"""
import base64
import ctypes
import ctypes.util
import json
import os
import random
import struct
import sys

MASK = (1 << 64) - 1
MAGIC = b"\x89CAIRN\r\n\x1a\n"

_library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
_library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
_library.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def hash64(data, seed):
    return _library.XXH3_64bits_withSeed(bytes(data), len(data), seed)


def sealed(header):
    """A header with its checksum behind it (sections 2 and 3.1)."""
    return header + struct.pack("<Q", hash64(header, 0))


def store_header(identifier):
    header = MAGIC + b"STORE " + struct.pack("<HHI", 1, 0, 4096) + bytes(24) + identifier + os.urandom(8)
    return sealed(header.ljust(4088, b"\0"))


class Segment:
    """Sections 3 and 4."""

    def __init__(self, number, identifier, sequence, link):
        self.number = number
        self.salt = int.from_bytes(os.urandom(8), "little")
        header = MAGIC + b"LOG   " + struct.pack("<HHI", 1, 0, 256) + identifier
        header += struct.pack("<QQQq", number, 1, self.salt, 0)
        self.data = bytearray(sealed(header.ljust(248, b"\0")))
        # What it says of the segment before: number, end, checksum, durable, epoch.
        self.link = link
        self.checksum = 0
        self.operations = []
        self.add(4, sequence, value=struct.pack("<QQQQQ", *link), flags=1 << 8)

    def add(self, kind, sequence, key=b"", value=b"", flags=0, extension=b"", durable=256):
        at = len(self.data)
        if kind in (1, 2) and (at >= 1 << 27 or not 1 <= len(key) <= 65535 or len(value) > 1 << 30):
            raise ValueError("a key or value is too large, or there are more of them than one segment takes")
        body = struct.pack("<QIHBBHBB", sequence, len(value), len(key), kind, len(extension) // 8, flags, 0, 0)
        body += struct.pack("<I", durable // 8)
        body += extension + key + value
        body += bytes(-len(body) % 8)
        seed = self.salt ^ (at * 0x9E3779B97F4A7C15 & MASK)
        self.checksum = hash64(body, seed)
        self.data += struct.pack("<Q", self.checksum) + body

    def seal(self, sequence, reason, following):
        # To be called when everything before it is on the disk.
        self.add(
            3, sequence, value=struct.pack("<IIQQ", reason, 0, 1, following), flags=1 << 8, durable=len(self.data)
        )


def item(attributes):
    """Section 4.9."""
    content = b""
    for name, value in sorted((name.encode(), value) for name, value in attributes.items()):
        if isinstance(value, dict):
            value = float(value["real"]) if "real" in value else (value["date"],)
        if isinstance(value, str):
            kind, data = 1, value.encode()
        elif isinstance(value, int):
            kind, data = 2, struct.pack("<q", value)
        elif isinstance(value, float):
            # Without a minus before zero.
            kind, data = 3, struct.pack("<d", value + 0.0)
        elif isinstance(value, tuple):
            kind, data = 4, struct.pack("<q", *value)
        else:
            tags = sorted(tag.encode() for tag in value)
            kind, data = 5, b"".join(bytes([len(tag)]) + tag for tag in tags)
            if not all(tags):
                raise ValueError("a tag has a byte at least")
        if not 1 <= len(name) <= 64:
            raise ValueError("the name of an attribute has 1 to 64 bytes")
        content += struct.pack("<BBH", kind, len(name), len(data)) + name + data
    if not content:
        return b""
    words = (len(content) + 9) // 8
    if words > 250:
        raise ValueError("attributes take up to 1,998 bytes")
    return bytes([2, words]) + content.ljust(words * 8 - 2, b"\0")


class Operation:
    def __init__(self, key, value, deadline, attributes, version):
        self.key, self.value, self.deadline, self.version = key, value, deadline, version
        self.attributes = attributes


class Log:
    """Sections 3.2, 4 and 6.1."""

    def __init__(self, identifier):
        self.identifier = identifier
        self.sequence = 0
        # The link of a first segment: there is none before it, and this is the first session.
        self.segments = [Segment(1, identifier, 0, (0, 0, 0, 0, 1))]
        self.newest = {}
        self.gone = []
        self.history = 0

    @property
    def last(self):
        return self.segments[-1]

    def apply(self, key, value, deadline, attributes, version=None):
        """A put, or a remove if there is no value; one that was moved if there is a version."""
        self.sequence += 1
        flags, extension = 0, b""
        if deadline is not None:
            flags, extension = flags | 2, extension + struct.pack("<q", deadline)
        if version is not None:
            flags, extension = flags | 4, extension + struct.pack("<Q", version)
        extension += item(attributes)
        self.last.add(1 if value is not None else 2, self.sequence, key, value or b"", flags, extension)
        operation = Operation(key, value, deadline, attributes, version or self.sequence)
        self.newest[key] = operation
        self.last.operations.append(operation)

    def roll(self, number, is_sealed):
        """Goes on in a new segment."""
        if is_sealed:
            self.last.seal(self.sequence, 2, number)
        end = len(self.last.data)
        link = (self.last.number, end, self.last.checksum, end, 1)
        self.segments.append(Segment(number, self.identifier, self.sequence, link))

    def compact(self, victims):
        """F1-WRT-008."""
        staying = [segment for segment in self.segments if segment not in victims]
        left = {operation.key for segment in staying for operation in segment.operations}
        for operation in [operation for segment in victims for operation in segment.operations]:
            if self.newest[operation.key] is not operation:
                continue
            if operation.value is not None or operation.key in left:
                self.apply(
                    operation.key, operation.value, operation.deadline, operation.attributes, operation.version
                )
            else:
                self.history = max(self.history, operation.version)
        self.segments = staying
        self.gone += victims

    def ranges(self):
        before = 0
        for segment in self.segments:
            between = [other for other in self.gone if before < other.number < segment.number]
            if between:
                first = min(between, key=lambda other: other.number)
                yield before + 1, segment.number - 1, first.link[1], first.link[2]
            before = segment.number

    def gone_file(self):
        ranges = b"".join(struct.pack("<4Q", *numbers) for numbers in self.ranges())
        header = MAGIC + b"GONE  " + struct.pack("<HHI", 1, 0, 128) + self.identifier
        header += struct.pack("<4Q", self.history, len(ranges) // 32, hash64(ranges, 0), 0)
        return sealed(header.ljust(120, b"\0")) + ranges


def disturb(log, chance):
    """What a writer may do between two operations."""
    if chance.random() < 0.15:
        # A number may be left out, if its slot is in use; and a writer that was killed leaves no seal.
        log.roll(log.last.number + (1 if chance.random() < 0.8 else chance.randrange(2, 9)), chance.random() < 0.8)
    if chance.random() < 0.1:
        log.compact([segment for segment in log.segments[:-1] if chance.random() < 0.4])


def content(line, name):
    if name + "Base64" in line:
        return base64.b64decode(line[name + "Base64"], validate=True)
    return line[name].encode() if name in line else None


def write(path, name, data):
    with open(os.path.join(path, name), "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def segment_name(number):
    return f"segment-{number:08}.log"


def main(arguments):
    path, *options = arguments or [""]
    is_open = "--open" in options
    options = [option for option in options if option != "--open"]
    if not path or options and (options[0] != "--compacted" or len(options) != 2):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    chance = random.Random(options[1]) if options else None
    log = Log(os.urandom(16))
    for text in sys.stdin:
        line = json.loads(text)
        known = {"key", "keyBase64", "value", "valueBase64", "version", "deadline", "attributes"}
        if unknown := set(line) - known:  # F1-DMP-003
            raise ValueError(f"unknown members: {unknown}")
        log.apply(content(line, "key"), content(line, "value"), line.get("deadline"), line.get("attributes", {}))
        if chance:
            disturb(log, chance)
    os.mkdir(path, 0o700)
    for segment in log.segments:
        # Under its name when its header is on the disk; here, everything is.
        name = segment_name(segment.number)
        write(path, name + ".tmp", segment.data)
        os.rename(os.path.join(path, name + ".tmp"), os.path.join(path, name))
    if log.gone:
        write(path, "segments.gone.tmp", log.gone_file())
        os.rename(os.path.join(path, "segments.gone.tmp"), os.path.join(path, "segments.gone"))
        # A writer that dies after this leaves files of segments that are gone: whatever is in them, they do not count.
        for segment in log.gone:
            if chance.random() < 0.2:
                write(path, segment_name(segment.number), segment.data[: chance.randrange(len(segment.data) * 2)])
    if not is_open:
        end = len(log.last.data)
        log.last.seal(log.sequence, 1, 0)
        with open(os.path.join(path, segment_name(log.last.number)), "ab") as file:
            file.write(log.last.data[end:])
            file.flush()
            os.fsync(file.fileno())
    # Section 2: the store is there from the moment this file has its name.
    write(path, "STORE.tmp", store_header(log.identifier))
    os.rename(os.path.join(path, "STORE.tmp"), os.path.join(path, "STORE"))
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
