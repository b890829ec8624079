#!/usr/bin/env python3
"""Reads a frozen store of format 1. Written from SPEC.md alone, to prove that it suffices; shares nothing with the engine.

usage: reader.py dump FILE       what it holds, as section 8 of the format of stores says
       reader.py verify FILE     one line: clean, damaged and where, or not supported and why
       reader.py get FILE KEY    one value, found by the index

Exit status: 0 clean, 2 no such key, 3 damaged, 4 not supported, 1 anything else. Needs libxxhash, libzstd, and memory for
the file.
"""
import ctypes
import ctypes.util
import importlib.util
import os
import sys
import time

# What both formats have in common: numbers, hashes, lines of a dump, frames without a dictionary.
_spec = importlib.util.spec_from_file_location(
    "stores", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "v1", "reader.py"))
stores = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stores)
Damaged, NotSupported, hash64, word = stores.Damaged, stores.NotSupported, stores.hash64, stores.word
MASK32 = 0xFFFFFFFF


def decompress(frame, dictionary):
    if dictionary is None:
        return stores.Zstd.decompress(frame)
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_getFrameContentSize.restype = ctypes.c_uint64
    library.ZSTD_createDCtx.restype = ctypes.c_void_p
    library.ZSTD_decompress_usingDict.restype = ctypes.c_size_t
    size = library.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    if size > min(1 << 30, (len(frame) << 15) + (1 << 17)):
        raise Damaged("a frame says what cannot be")
    target = ctypes.create_string_buffer(max(size, 1))
    context = ctypes.c_void_p(library.ZSTD_createDCtx())
    done = library.ZSTD_decompress_usingDict(
        context, target, ctypes.c_size_t(size), frame, ctypes.c_size_t(len(frame)), dictionary,
        ctypes.c_size_t(len(dictionary)))
    library.ZSTD_freeDCtx(context)
    if done != size:
        raise Damaged("a frame is damaged")
    return target.raw[:size]


class Record:
    """Section 3."""

    # There are none in frozen stores.
    attributes = {}

    def __init__(self, store, at):
        data, limit = store.data, store.records_end
        self.at, self.store = at, store
        if not 256 <= at < limit:
            raise Damaged(f"no record can be at {at}")
        control = word(data, at + 4, 2)
        sizes = [1 + (control >> 4 & 1), control & 15, control >> 5 & 15, 8 * (control >> 9 & 1), control >> 12 & 1]
        if sizes[1] > 4 or sizes[2] > 8:
            raise Damaged(f"the lengths of the record at {at}")
        place, fields = at + 6, []
        for size in sizes:
            fields.append(word(data, place, size) if size else 0)
            place += size
        key, value, self.version, deadline, self.dictionary = fields
        self.deadline = None if not sizes[3] else deadline - (1 << 64) * (deadline >> 63)
        self.end = place + key + value
        if key == 0 or value > 1 << 30 or self.end > limit:
            raise Damaged(f"the lengths of the record at {at}")
        if word(data, at, 4) != hash64(data[at + 4 : self.end], store.place_seed(at)) & MASK32:  # F1-FRZ-010
            raise Damaged(f"the checksum of the record at {at}")
        self.key, self.stored = data[place : place + key], data[place + key : self.end]
        codec = control >> 10 & 3
        self.is_compressed = codec == 1
        self.is_understood = control >> 13 == 0 and codec <= 1 and (codec == 1 or not sizes[4])  # F1-FRZ-011

    @property
    def content(self):
        if not self.is_compressed:
            return self.stored
        return decompress(self.stored, self.store.dictionary(self.dictionary) if self.dictionary else None)

    def is_over(self):
        return self.deadline is not None and self.deadline <= time.time() * 1000


class Frozen:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = self.data = file.read()
        stores.check_header(data, path, b"FROZEN", 256)  # F1-FRZ-001
        if word(data, 24):
            raise NotSupported(f"incompatible features {word(data, 24):#x}")
        self.hash_seed, self.salt, self.entries, size, self.records_end = (word(data, at) for at in range(72, 112, 8))
        count, list_checksum, self.index, self.homes, self.buckets = (word(data, at) for at in range(112, 152, 8))
        list_end = self.records_end + 32 * count
        fits = 256 <= self.records_end and list_end <= self.index and self.index % 64 == 0 and count <= 255
        fits = fits and 1 <= self.homes <= self.buckets and self.index + 64 * self.buckets == size == len(data)
        if not fits or self.entries > 10 * self.buckets:  # F1-FRZ-002
            raise Damaged("the parts do not fit together, or the size is another one")
        if hash64(data[self.records_end : list_end], self.salt) != list_checksum:
            raise Damaged("the list of dictionaries")
        self.dictionaries = {}
        for at in range(self.records_end, list_end, 32):
            identifier, size, offset = word(data, at, 4), word(data, at + 4, 4), word(data, at + 8)
            is_last = identifier > max(self.dictionaries, default=0)
            if not is_last or identifier > 255 or size > 1 << 24 or not self.records_end <= offset <= self.index - size:
                raise Damaged("the list of dictionaries")
            self.dictionaries[identifier] = (offset, size, word(data, at + 16))

    def place_seed(self, at):
        return self.salt ^ (at * 0x9E3779B97F4A7C15 & stores.MASK)

    def dictionary(self, identifier):
        """F1-FRZ-013, F1-FRZ-020."""
        offset, size, checksum = self.dictionaries.get(identifier, (0, 0, 0))
        content = self.data[offset : offset + size]
        if not size or hash64(content, self.salt) != checksum:
            raise Damaged(f"the dictionary {identifier}")
        return content

    def records(self):
        at = 256
        while at < self.records_end:
            record = Record(self, at)
            yield record
            at = record.end

    def bucket(self, number):
        """Section 5: whether a search goes on behind it, and its entries."""
        at = self.index + 64 * number
        bucket = self.data[at : at + 64]
        overflows = bucket[0] & 1
        checksum = hash64(bucket[4:], self.place_seed(at) ^ overflows) & MASK32 & ~1 | overflows
        if word(bucket, 0, 4) != checksum:
            raise Damaged(f"the bucket at {at}")
        return overflows, [(bucket[4 + entry], word(bucket, 14 + 5 * entry, 5)) for entry in range(10)]

    def find(self, key):
        """F1-FRZ-030, F1-FRZ-031."""
        hashed = hash64(key, self.hash_seed)
        tag = hashed & 0xFF or 1
        for number in range(hashed * self.homes >> 64, self.buckets):
            overflows, entries = self.bucket(number)
            for found, at in entries:
                if found == tag:
                    record = Record(self, at)
                    if record.key == key:
                        return record
            if not overflows:
                return None
        return None

    def verify(self):
        """Everything; returns whether all of it is understood."""
        if hash64(self.data[256:], self.salt) != word(self.data, 152):  # F1-FRZ-003
            raise Damaged("the checksum over all")
        for identifier in self.dictionaries:
            self.dictionary(identifier)
        count = sum(1 for number in range(self.buckets) for tag, _ in self.bucket(number)[1] if tag)
        is_understood = True
        for record in self.records():
            count -= 1
            found = self.find(record.key)
            if found is None or found.at != record.at:  # F1-FRZ-012
                raise Damaged(f"the index does not lead to the record at {record.at}")
            if record.is_understood:
                record.content
            is_understood = is_understood and record.is_understood
        if count:
            raise Damaged("more or fewer entries than records")
        return is_understood


def main(arguments):
    if len(arguments) != (3 if arguments[:1] == ["get"] else 2) or arguments[0] not in ("dump", "verify", "get"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    try:
        store = Frozen(arguments[1])
        if arguments[0] == "verify":
            is_understood = store.verify()
            print("clean" if is_understood else "not supported: values of a newer version")
            return 0 if is_understood else 4
        if arguments[0] == "get":
            record = store.find(os.fsencode(arguments[2]))
            if record is None or record.is_over():
                return 2
            if not record.is_understood:
                raise NotSupported(f"the value at byte {record.at}")
            sys.stdout.buffer.write(record.content)
            return 0
        status = 0
        for record in sorted(store.records(), key=lambda record: (record.version, record.at)):
            if record.is_over():
                continue
            if record.is_understood:
                print(stores.line(record))
            else:
                print(f"not supported: the value at byte {record.at}", file=sys.stderr)
                status = 4
        return status
    except Damaged as damage:
        print(f"damaged: {damage}", file=sys.stderr)
        return 3
    except NotSupported as reason:
        print(f"not supported: {reason}", file=sys.stderr)
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
