#!/usr/bin/env python3
"""Reads a store of format 1. Written from SPEC.md alone, to prove that it suffices; shares nothing with the engine.

usage: reader.py dump PATH      what the store holds: a line for each entry, in the order of the keys: key, version,
                                deadline (or -), value; key and value in hexadecimal, a lone dot if empty
       reader.py verify PATH    one line: clean, damaged and where, or not supported and why

Exit status: 0 clean, 3 damaged (what comes before the damage is dumped), 4 not supported, 1 anything else.
Needs libxxhash (XXH3 is not in Python's library) and memory for the largest segment.
"""
import ctypes
import ctypes.util
import os
import re
import struct
import sys

MASK = (1 << 64) - 1
MAGIC = b"\x89CAIRN\r\n\x1a\n"
FIRST = 256  # where the first record of a segment stands

_library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
_library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
_library.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def hash64(data, seed):
    return _library.XXH3_64bits_withSeed(bytes(data), len(data), seed)


class Damaged(Exception):
    pass


class NotSupported(Exception):
    pass


def word(data, at, size=8):
    return int.from_bytes(data[at : at + size], "little")


def check_major(data, what):
    if word(data, 16, 2) != 1:
        raise NotSupported(f"{what} of major version {word(data, 16, 2)}")


class Store:
    """Section 2."""

    def __init__(self, path):
        self.path = path
        name = os.path.join(path, "STORE")
        if not os.path.isfile(name):
            raise Damaged(f"{name}: missing")
        data = read_file(name)
        if len(data) < 4096 or data[:16] != MAGIC + b"STORE ":
            raise Damaged(f"{name}: cut short, or another magic")
        check_major(data, "a store")
        if word(data, 4088) != hash64(data[:4088], 0):
            raise Damaged(f"{name}: checksum")
        if word(data, 24):  # F1-STO-002
            raise NotSupported(f"incompatible features {word(data, 24):#x}")
        self.identifier = data[48:64]
        self.seed = word(data, 64)


class Segment:
    """Section 3."""

    def __init__(self, store, number):
        self.number = number
        self.path = os.path.join(store.path, f"segment-{number:08}.log")
        self.data = read_file(self.path)
        data = self.data
        if len(data) < FIRST or data[:16] != MAGIC + b"LOG   ":
            raise Damaged(f"{self.path}: cut short, or another magic")
        check_major(data, "a segment")
        is_number = 0 < number < 1 << 32 and number % 65536  # F1-SEG-001
        if word(data, 248) != hash64(data[:248], 0) or data[24:40] != store.identifier or word(data, 40) != number:
            raise Damaged(f"{self.path}: checksum of the header, or not its place")
        if not is_number:
            raise Damaged(f"{self.path}: no segment has this number")
        self.salt = word(data, 56)
        if word(data, 72):  # F1-SEG-003
            raise NotSupported(f"{self.path}: kind {word(data, 72, 4)}, features {word(data, 76, 4):#x}")
        first = self.record(FIRST, len(data))
        self.link = None
        if first and first.kind == 4 and len(first.value) >= 40:
            names = ("previous", "previous_end", "previous_checksum", "previous_durable", "epoch")
            self.link = dict(zip(names, struct.unpack("<5Q", first.value[:40])))

    def record(self, at, limit):
        """The record at a place, if a valid one stands there (F1-REC-010)."""
        if at + 32 > limit or self.data[at + 22] == 0:
            return None
        record = Record(self.data, at)
        if record.end > limit or record.value_length > 1 << 30:
            return None
        seed = self.salt ^ (at * 0x9E3779B97F4A7C15 & MASK)
        return record if record.checksum == hash64(self.data[at + 8 : record.end], seed) else None

    def proves(self, start, last_sequence, reach, is_proof):
        """Whether a valid record at any multiple of 8 proves something (section 6)."""
        for at in range(start, len(self.data) - 31, 8):
            if self.data[at + 22] == 0:
                continue
            durable = word(self.data, at + 28, 4) * 8
            sequence = word(self.data, at + 8)
            if durable > at or not last_sequence <= sequence <= last_sequence + reach // 32:
                continue
            record = self.record(at, len(self.data))
            if record and is_proof(record):
                return True
        return False


class Record:
    """Section 4."""

    def __init__(self, data, at):
        self.at = at
        self.checksum, self.sequence, self.value_length, key_length = struct.unpack_from("<QQIH", data, at)
        self.kind, extension, self.flags, self.codec, self.dictionary, durable = struct.unpack_from(
            "<BBHBBI", data, at + 22
        )
        self.durable = durable * 8
        fields = at + 32
        key = fields + extension * 8
        value = key + key_length
        self.end = value + self.value_length + 7 & ~7
        self.fields = data[fields:key]
        self.key = data[key:value]
        self.value = data[value : value + self.value_length]

    @property
    def is_operation(self):
        return self.kind in (1, 2)

    @property
    def is_understood(self):  # F1-REC-001
        return self.flags & 0xFC == 0 and self.codec == 0 and self.dictionary == 0

    @property
    def deadline(self):
        return struct.unpack("<q", self.fields[:8])[0] if self.flags & 2 else None


def read_file(name):
    with open(name, "rb") as file:
        return file.read()


class Log:
    """Reads all segments in order and applies their operations (sections 4.2 and 6)."""

    def __init__(self, store):
        self.store = store
        self.entries = {}
        self.damage = None
        self.sequence = 0
        pattern = re.compile(r"segment-(\d{8,})\.log$")
        names = (pattern.match(name) for name in os.listdir(store.path))
        self.numbers = sorted(int(match.group(1)) for match in names if match and is_canonical(match.group(1)))
        self.checkpoint = Checkpoint.open(store)
        try:
            self.read()
        except Damaged as damage:
            self.damage = str(damage)

    def read(self):
        if not self.numbers:
            raise Damaged(f"{self.store.path}: no segments")
        if self.numbers[0] != 1:
            raise Damaged(f"{self.store.path}: segment 1 is missing")
        segment = Segment(self.store, 1)
        if segment.link and segment.link["previous"] != 0:
            raise Damaged(f"{segment.path}: the first segment says that it follows another one")
        while True:
            following = segment.number + 1
            is_there = following in self.numbers
            later = [number for number in self.numbers if number > segment.number]
            # What a segment holds is read even if the next one's header is damaged; then that is the damage.
            try:
                after = Segment(self.store, following) if is_there else None
                trouble = None
            except Damaged as damage:
                after, trouble = None, damage
            end, checksum, is_whole = self.read_segment(segment, after)
            if is_whole:
                segment = after
                continue
            if trouble:
                raise trouble
            self.judge_end(segment, after, end, checksum, later)
            if later and not is_there:  # F1-END-004
                raise Damaged(f"{self.store.path}: segment {following} is missing")
            return

    def read_segment(self, segment, after):
        """Returns where reading stopped, the last record's checksum, and whether the log goes on in the next one."""
        link = after.link if after else None
        if link and (link["previous"] != segment.number or link["previous_end"] < FIRST):
            raise Damaged(f"{after.path}: does not follow the segment before it")
        limit = min(link["previous_end"], len(segment.data)) if link else len(segment.data)
        at, checksum, batch = FIRST, 0, None
        self.seal = None
        while record := segment.record(at, limit):
            if reason := self.refusal(segment, record, batch is not None):
                self.drop(batch)
                raise Damaged(f"{segment.path} at byte {record.at}: {reason}")
            if record.is_operation:
                self.sequence = record.sequence
                self.seal = None
                if batch is None and record.flags & 1:
                    batch = (record.at, self.sequence - 1, checksum, [])
                if batch is None:
                    self.apply(record)
                else:
                    batch[3].append(record)
                    if not record.flags & 1:
                        for part in batch[3]:
                            self.apply(part)
                        batch = None
            elif record.kind == 3:
                self.seal = struct.unpack("<I4xQQ", record.value[:24])
            elif record.kind == 4:
                self.seal = None
            at, checksum = record.end, record.checksum
        if batch is not None:  # F1-REC-021
            at, checksum = batch[0], batch[2]
            self.drop(batch)
        return at, checksum, bool(link and at == link["previous_end"] and checksum == link["previous_checksum"])

    def drop(self, batch):
        if batch is not None:
            self.sequence = batch[1]

    def refusal(self, segment, record, is_in_batch):
        """Why a valid record may not stand where it does (F1-REC-022)."""
        if record.kind not in (1, 2, 3, 4):  # F1-REC-002
            if not record.kind & 0x80:
                raise NotSupported(f"{segment.path} at byte {record.at}: a record of kind {record.kind}")
            return "before the link" if record.at == FIRST else None
        if record.is_operation:
            if record.sequence != self.sequence + 1:
                return f"sequence {record.sequence} where {self.sequence + 1} is due"
            if not record.key or record.flags & 2 and len(record.fields) < 8:
                return "no key, or not its fields"
            if record.at == FIRST or record.at >= 1 << 27:
                return "before the link, or beyond the limit"
            return None
        if record.sequence != self.sequence or is_in_batch:
            return "a mark in a batch, or out of sequence"
        if record.kind == 4:
            return None if record.at == FIRST and len(record.value) >= 40 else "a link out of place"
        if record.kind == 3:
            if len(record.value) < 24:
                return "a seal cut short"
            if word(record.value, 0, 4) not in (1, 2):
                raise NotSupported(f"{segment.path} at byte {record.at}: a seal of reason {word(record.value, 0, 4)}")
        return None

    def apply(self, record):
        self.entries.pop(record.key, None)
        if record.kind == 1:
            self.entries[record.key] = record

    def judge_end(self, segment, after, end, checksum, later):
        """F1-END-002: was the place where reading stopped on the disk?"""
        reason = None
        link = after.link if after else None
        reach = sum(os.path.getsize(os.path.join(self.store.path, f"segment-{n:08}.log")) for n in [segment.number] + later)
        if link and (link["previous_durable"] > end or link["previous_end"] == end):
            reason = "the next segment's link"
        elif self.checkpoint and (segment.number, end) < self.checkpoint:
            reason = "a checkpoint"
        elif segment.proves(end, self.sequence, reach, lambda record: record.durable > end):
            reason = "a later record"
        else:
            sealed_for = self.seal[2] if self.seal and self.seal[0] == 2 else None
            for number in later:
                if number != segment.number + 1 and number - 1 not in self.numbers:
                    break
                other = Segment(self.store, number)
                flag = 0 if number == sealed_for else 1 << 8
                if other.proves(FIRST, self.sequence, reach, lambda r: r.durable > FIRST or r.flags & flag):
                    reason = f"segment {number}"
                    break
        if reason:
            raise Damaged(f"{segment.path} at byte {end}: {reason} tells that it was on the disk")
        if not later and self.seal and self.seal[0] == 2:  # F1-REC-030
            raise Damaged(f"{self.store.path}: segment {self.seal[2]} is missing")


def is_canonical(digits):
    """At least eight digits, and no more zeros in front than that takes."""
    return f"{int(digits):08}" == digits


class Checkpoint:
    """Section 5, as far as it tells what was on the disk."""

    @staticmethod
    def open(store):
        """Where the log was when a checkpoint of this store was written, if there is a usable one (F1-CHK-001, 002)."""
        name = os.path.join(store.path, "index.checkpoint")
        if not os.path.isfile(name):
            return None
        data = read_file(name)
        if len(data) < 4096 or data[:16] != MAGIC + b"INDEX " or word(data, 16, 2) != 1:
            return None
        if word(data, 4088) != hash64(data[:4088], 0) or data[24:40] != store.identifier:
            return None
        if word(data, 40) != store.seed or word(data, 160) or word(data, 128, 4) != 1024:
            return None
        directory, table = data[4096 : 4096 + 1024 * 32], data[word(data, 144) :]
        if len(table) != word(data, 132, 4) * 48 or hash64(directory, 0) != word(data, 136):
            return None
        if hash64(table, 0) != word(data, 152):
            return None
        for at in range(0, len(table), 48):
            number, salt = struct.unpack_from("<QQ", table, at)
            path = os.path.join(store.path, f"segment-{number:08}.log")
            if os.path.isfile(path) and word(read_file(path)[:256], 56) != salt:
                return None  # another history
        return struct.unpack_from("<QQ", data, 80)


def show(data):
    return data.hex() if data else "."


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("dump", "verify"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    try:
        log = Log(Store(arguments[1]))
        status = 0
        if arguments[0] == "dump":
            for key, record in sorted(log.entries.items()):
                if not record.is_understood:
                    print(f"not supported: the value of {show(key)} at byte {record.at}", file=sys.stderr)
                    status = 4
                    continue
                deadline = "-" if record.deadline is None else record.deadline
                print(show(key), record.sequence, deadline, show(record.value))
        if log.damage:
            print(f"damaged: {log.damage}", file=sys.stderr if arguments[0] == "dump" else sys.stdout)
            return 3
        if arguments[0] == "verify":
            print("clean")
        return status
    except Damaged as damage:
        print(f"damaged: {damage}", file=sys.stderr)
        return 3
    except NotSupported as reason:
        print(f"not supported: {reason}", file=sys.stderr)
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
