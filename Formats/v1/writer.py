#!/usr/bin/env python3
"""Writes a store of format 1. Written from SPEC.md alone, to prove that it suffices; shares nothing with the engine.

usage: writer.py PATH [--open] < LINES    makes a store of a dump (section 8): a put for each line, in their order, or a
                                          remove for a line without a value; versions are counted anew
       --open: as a killed process leaves it, without the seal of a clean close

Needs libxxhash (XXH3 is not in Python's library).
"""
import base64
import ctypes
import ctypes.util
import json
import os
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
    """The first segment of a store, sections 3 and 4."""

    def __init__(self, identifier):
        self.salt = int.from_bytes(os.urandom(8), "little")
        header = MAGIC + b"LOG   " + struct.pack("<HHI", 1, 0, 256) + identifier
        header += struct.pack("<QQQq", 1, 1, self.salt, 0)
        self.data = bytearray(sealed(header.ljust(248, b"\0")))
        self.sequence = 0
        # The link of a first segment: there is none before it, and this is the first session.
        self.add(4, value=struct.pack("<QQQQQ", 0, 0, 0, 0, 1), flags=1 << 8)

    def add(self, kind, key=b"", value=b"", flags=0, extension=b"", durable=256):
        at = len(self.data)
        if kind in (1, 2):
            self.sequence += 1
            if at >= 1 << 27 or not 1 <= len(key) <= 65535 or len(value) > 1 << 30:
                raise ValueError("a key or value is too large, or there are more of them than one segment takes")
        body = struct.pack("<QIHBBHBB", self.sequence, len(value), len(key), kind, len(extension) // 8, flags, 0, 0)
        body += struct.pack("<I", durable // 8)
        body += extension + key + value
        body += bytes(-len(body) % 8)
        seed = self.salt ^ (at * 0x9E3779B97F4A7C15 & MASK)
        self.data += struct.pack("<Q", hash64(body, seed)) + body

    def put(self, key, value, deadline):
        if deadline is None:
            self.add(1, key, value)
        else:
            self.add(1, key, value, flags=2, extension=struct.pack("<q", deadline))

    def remove(self, key):
        self.add(2, key)

    def close(self):
        # To be called when everything before it is on the disk.
        self.add(3, value=struct.pack("<IIQQ", 1, 0, 1, 0), flags=1 << 8, durable=len(self.data))


def content(line, name):
    if name + "Base64" in line:
        return base64.b64decode(line[name + "Base64"], validate=True)
    return line[name].encode() if name in line else None


def write(path, name, data):
    with open(os.path.join(path, name), "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def main(arguments):
    if not arguments or arguments[1:] not in ([], ["--open"]):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    path, identifier = arguments[0], os.urandom(16)
    segment = Segment(identifier)
    for text in sys.stdin:
        line = json.loads(text)
        if unknown := set(line) - {"key", "keyBase64", "value", "valueBase64", "version", "deadline"}:  # F1-DMP-003
            raise ValueError(f"unknown members: {unknown}")
        key, value = content(line, "key"), content(line, "value")
        if value is None:
            segment.remove(key)
        else:
            segment.put(key, value, line.get("deadline"))
    os.mkdir(path, 0o700)
    # Under its name when its header is on the disk; here, everything is.
    write(path, "segment-00000001.log.tmp", segment.data)
    os.rename(os.path.join(path, "segment-00000001.log.tmp"), os.path.join(path, "segment-00000001.log"))
    if len(arguments) == 1:
        end = len(segment.data)
        segment.close()
        with open(os.path.join(path, "segment-00000001.log"), "ab") as file:
            file.write(segment.data[end:])
            file.flush()
            os.fsync(file.fileno())
    # Section 2: the store is there from the moment this file has its name.
    write(path, "STORE.tmp", store_header(identifier))
    os.rename(os.path.join(path, "STORE.tmp"), os.path.join(path, "STORE"))
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
