#!/usr/bin/env python3
"""Reads a store of format 1. Written from SPEC.md alone, to prove that it suffices; shares nothing with the engine.

usage: reader.py dump PATH      what the store holds, as section 8 says
       reader.py verify PATH    one line: clean, damaged and where, or not supported and why

Exit status: 0 clean, 3 damaged (what comes before the damage is dumped), 4 not supported, 1 anything else.
Needs libxxhash (XXH3 is not in Python's library) and memory for the largest segment.
"""
import base64
import ctypes
import ctypes.util
import json
import os
import re
import struct
import sys
import time

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


def check_header(data, name, magic, length):
    """F1-HDR-001."""
    if len(data) < length or data[:16] != MAGIC + magic:
        raise Damaged(f"{name}: cut short, or another magic")
    if word(data, 16, 2) != 1 or word(data, 20, 4) != length:
        raise NotSupported(f"{name}: major version {word(data, 16, 2)}, {word(data, 20, 4)} bytes")
    if word(data, length - 8) != hash64(data[: length - 8], 0):
        raise Damaged(f"{name}: the checksum of the header")


class Store:
    """Section 2."""

    def __init__(self, path):
        self.path = path
        name = os.path.join(path, "STORE")
        if not os.path.isfile(name):  # F1-STO-003
            if any(holds_a_record(path, name) for name in os.listdir(path)):
                raise Damaged(f"{name}: missing")
            raise NotSupported(f"{path}: no store")
        data = read_file(name)
        check_header(data, name, b"STORE ", 4096)
        if word(data, 24):  # F1-STO-002
            raise NotSupported(f"incompatible features {word(data, 24):#x}")
        self.identifier = data[48:64]
        self.seed = word(data, 64)


def segment_path(path, number):
    return os.path.join(path, f"segment-{number:08}.log")


def holds_a_record(path, name):
    if not re.match(r"segment-\d{8,}\.log$", name):
        return False
    return name != "segment-00000001.log" or any(read_file(os.path.join(path, name))[FIRST : FIRST + 32])


class Segment:
    """Section 3."""

    def __init__(self, store, number):
        self.number = number
        self.path = segment_path(store.path, number)
        self.data = read_file(self.path)
        data = self.data
        check_header(data, self.path, b"LOG   ", FIRST)
        is_number = 0 < number < 1 << 32 and number % 65536  # F1-SEG-001
        if data[24:40] != store.identifier or word(data, 40) != number or not is_number:
            raise Damaged(f"{self.path}: not its place")
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

    def proves(self, start, search, is_proof):
        """Whether a valid record at any multiple of 8 proves something, or it would take too long to say (section 6)."""
        at = start
        while at + 32 <= len(self.data):
            # Nearly all is none: a record is only looked at where its kind and its sequence could be one's.
            is_likely = self.data[at + 22] and 0 <= word(self.data, at + 8) - search.sequence <= search.reach // 32 + 1
            at += 8
            if not is_likely:
                continue
            claim = Record(self.data, at - 8)
            if claim.end > len(self.data) or claim.value_length > 1 << 30 or claim.durable > claim.at:
                continue
            search.budget -= claim.end - claim.at
            if search.budget < 0:
                return True
            if record := self.record(claim.at, len(self.data)):
                if is_proof(record):
                    return True
                at = record.end
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


class Search:
    """What section 6 looks for behind the end of the log, and how long."""

    def __init__(self, sequence, reach):
        self.sequence, self.reach, self.budget = sequence, reach, 4 * reach


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
            if self.checkpoint and not self.checkpoint.is_covered:  # F1-CHK-002
                raise Damaged(f"{store.path}: the log is not the one that the checkpoint covers")
        except Damaged as damage:
            self.damage = self.damage or str(damage)

    def read(self):
        if not self.numbers:
            raise Damaged(f"{self.store.path}: no segments")
        if self.numbers[0] != 1:
            raise Damaged(f"{self.store.path}: segment 1 is missing")
        segment = Segment(self.store, 1)
        if segment.link and segment.link["previous"] != 0:
            self.damage = f"{segment.path}: the first segment says that it follows another one"
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
        if link and (link["previous"] != segment.number or link["previous_end"] < FIRST):  # F1-REC-042
            self.damage = self.damage or f"{after.path}: does not follow the segment before it"
            link = None
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
            if self.checkpoint and self.checkpoint.last == (segment.number, record.at, at, checksum):
                self.checkpoint.is_covered = True
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
        sizes = (os.path.getsize(segment_path(self.store.path, number)) for number in [segment.number] + later)
        search = Search(self.sequence, sum(sizes) - end)
        if link and (link["previous_durable"] > end or link["previous_end"] == end):
            reason = "the next segment's link"
        elif self.checkpoint and (segment.number, end) < self.checkpoint.end:
            reason = "a checkpoint"
        elif segment.proves(end, search, lambda record: record.durable > end):
            reason = "a later record"
        else:
            sealed_for = self.seal[2] if self.seal and self.seal[0] == 2 else None
            for number in later:
                if number != segment.number + 1 and number - 1 not in self.numbers:
                    break
                other = Segment(self.store, number)
                flag = 0 if number == sealed_for else 1 << 8
                if other.proves(FIRST, search, lambda r: r.durable > FIRST or r.flags & flag):
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
        """The checkpoint, if there is one of this log (F1-CHK-001)."""
        try:
            return Checkpoint(store, read_file(os.path.join(store.path, "index.checkpoint")))
        except (FileNotFoundError, Damaged, NotSupported):
            return None

    def __init__(self, store, data):
        check_header(data, "checkpoint", b"INDEX ", 4096)
        directory, table = data[4096 : 4096 + 1024 * 32], data[word(data, 144) :]
        is_whole = (
            len(table) == word(data, 132, 4) * 48
            and hash64(directory, 0) == word(data, 136)
            and hash64(table, 0) == word(data, 152)
        )
        is_ours = data[24:40] == store.identifier and word(data, 40) == store.seed
        if not is_whole or not is_ours or word(data, 160) or word(data, 128, 4) != 1024:
            raise Damaged("checkpoint: not whole, not of this store, or not understood")
        self.end = struct.unpack_from("<QQ", data, 80)
        last_at, last_checksum = struct.unpack_from("<QQ", data, 104)
        self.last = (self.end[0], last_at, self.end[1], last_checksum)
        self.is_covered = False
        segments = list(struct.iter_unpack("<6Q", table))
        if [segment[0] for segment in segments] != list(range(1, self.end[0] + 1)):
            raise Damaged("checkpoint: other segments than those up to its end")
        for number, salt, *_ in segments:
            name = segment_path(store.path, number)
            if os.path.isfile(name) and word(read_file(name)[:256], 56) != salt:
                raise Damaged("checkpoint: of another history")


def member(name, data):
    """F1-DMP-001, 002."""
    try:
        return f'"{name}": {json.dumps(data.decode())}'
    except UnicodeDecodeError:
        return f'"{name}Base64": "{base64.b64encode(data).decode()}"'


def line(record):
    deadline = "" if record.deadline is None else f', "deadline": {record.deadline}'
    return f'{{{member("key", record.key)}, {member("value", record.value)}, "version": {record.sequence}{deadline}}}'


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("dump", "verify"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    try:
        log = Log(Store(arguments[1]))
        status = 0
        if arguments[0] == "dump":
            now = time.time() * 1000
            for record in sorted(log.entries.values(), key=lambda record: record.sequence):
                if record.deadline is not None and record.deadline <= now:
                    continue
                if not record.is_understood:
                    print(f"not supported: the value at byte {record.at}", file=sys.stderr)
                    status = 4
                    continue
                print(line(record))
        elif any(not record.is_understood for record in log.entries.values()):
            print("not supported: values of a newer version", file=sys.stderr)
            status = 4
        if log.damage:
            print(f"damaged: {log.damage}", file=sys.stderr if arguments[0] == "dump" else sys.stdout)
            return 3
        if arguments[0] == "verify" and status == 0:
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
