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
import functools
import json
import math
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


class Zstd:
    """Section 4.5; libzstd is loaded when the first compressed value is met."""

    library = None

    @classmethod
    def load(cls):
        if cls.library is None:
            cls.library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
            cls.library.ZSTD_getFrameContentSize.restype = ctypes.c_uint64
            cls.library.ZSTD_getFrameContentSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
            bytes_in, size_in = ctypes.c_char_p, ctypes.c_size_t
            cls.library.ZSTD_createDDict.restype = ctypes.c_void_p
            cls.library.ZSTD_createDDict.argtypes = [bytes_in, size_in]
            cls.library.ZSTD_createDCtx.restype = ctypes.c_void_p
            cls.library.ZSTD_decompress_usingDDict.restype = ctypes.c_size_t
            cls.library.ZSTD_decompress_usingDDict.argtypes = [
                ctypes.c_void_p, bytes_in, size_in, bytes_in, size_in, ctypes.c_void_p
            ]
            cls.library.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
            cls.library.ZSTD_findFrameCompressedSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
            cls.context = cls.library.ZSTD_createDCtx()

    @classmethod
    def dictionary(cls, data):
        """Section 4.6: a dictionary that is ready for use, or None."""
        cls.load()
        return cls.library.ZSTD_createDDict(data, len(data)) if data[:4] == b"\x37\xa4\x30\xec" else None

    @classmethod
    def decompress(cls, frame, dictionary=None, limit=1 << 30):
        cls.load()
        if frame[:4] != b"\x28\xb5\x2f\xfd" or cls.library.ZSTD_findFrameCompressedSize(frame, len(frame)) != len(frame):
            raise Damaged("not one frame")
        if not frame[4] & 0x20 and frame[5] > (27 - 10) << 3:
            raise Damaged("a frame with too large a window")
        size = cls.library.ZSTD_getFrameContentSize(frame, len(frame))
        if size > min(limit, (len(frame) << 15) + (1 << 17)):  # F1-REC-050
            raise Damaged("a frame says what cannot be")
        target = ctypes.create_string_buffer(max(size, 1))
        if cls.library.ZSTD_decompress_usingDDict(cls.context, target, size, frame, len(frame), dictionary) != size:
            raise Damaged("a frame is damaged")
        return target.raw[:size]


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


class Gone:
    """Section 3.2: the segments that compaction has taken away."""

    def __init__(self, store):
        self.ranges = []
        self.history = 0
        name = os.path.join(store.path, "segments.gone")
        if not os.path.isfile(name):
            return
        data = read_file(name)
        check_header(data, name, b"GONE  ", 128)
        if data[24:40] != store.identifier:  # F1-GON-001
            raise Damaged(f"{name}: of another store")
        if word(data, 64):
            raise NotSupported(f"{name}: features {word(data, 64):#x}")
        if len(data) != 128 + word(data, 48) * 32 or hash64(data[128:], 0) != word(data, 56):
            raise Damaged(f"{name}: not as long as it says, or the checksum of the ranges")
        self.history = word(data, 40)
        self.ranges = list(struct.iter_unpack("<4Q", data[128:]))
        before = 0
        for first, last, end, _ in self.ranges:
            is_end = end == 0 if first == 1 else end >= FIRST
            if not before < first <= last < 1 << 32 or not is_end:
                raise Damaged(f"{name}: an impossible range")
            before = last + 1

    def holds(self, number):  # F1-GON-002
        return any(first <= number <= last for first, last, *_ in self.ranges)

    def between(self, before, after):
        """The range that is all the numbers between two segments."""
        return next((r for r in self.ranges if (r[0], r[1]) == (before + 1, after - 1)), None)

    def follows(self, number):
        """Whether any range comes after a segment."""
        return bool(self.ranges) and self.ranges[-1][1] > number


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
        self.dictionary = None
        first = self.record(FIRST, len(data))
        self.link = None
        if first and first.kind == 4 and len(first.value) >= 40:
            names = ("previous", "previous_end", "previous_checksum", "previous_durable", "epoch")
            self.link = dict(zip(names, struct.unpack("<5Q", first.value[:40])), sequence=first.sequence)
        self.dictionary = Dictionary(self.record(first.end, len(data)) if self.link else None)

    def record(self, at, limit):
        """The record at a place, if a valid one stands there (F1-REC-010)."""
        if at + 32 > limit or self.data[at + 22] == 0:
            return None
        record = Record(self.data, at)
        if record.end > limit or record.value_length > 1 << 30:
            return None
        seed = self.salt ^ (at * 0x9E3779B97F4A7C15 & MASK)
        record.segment_dictionary = self.dictionary
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


class Dictionary:
    """Section 4.6: what stands behind the link of a segment."""

    def __init__(self, record):
        is_one = record and record.kind == 129 and not (record.flags & 0xFF or record.codec > 1 or record.dictionary)
        self.record = record if is_one and record.value_length <= 1 << 20 else None  # F1-DIC-002

    @functools.cached_property
    def prepared(self):
        if self.record is None:
            return None
        value = bytes(self.record.value)
        if self.record.codec == 1:
            try:
                value = Zstd.decompress(value, limit=1 << 20)
            except Damaged:
                return None
        return Zstd.dictionary(value)


class Real(float):
    """F1-DMP-005: Python has an exponent from 1e16 on."""

    def __repr__(self):
        text = float.__repr__(self)
        if "e" in text or abs(self) <= 1 << 53:
            return text
        digits = text.removesuffix(".0").lstrip("-")
        mantissa = digits[0] + "." + digits[1:].rstrip("0") if digits[1:].rstrip("0") else digits[0]
        return f'{"-" if self < 0 else ""}{mantissa}e+{len(digits) - 1:02}'


def encode_json(value):
    if isinstance(value, Real):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {encode_json(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


def decode_attributes(content):
    """Section 4.9: as JSON has them in a dump; nothing if anything is not as it should be (F1-ATT-001)."""
    found, at, last = {}, 0, b""
    try:
        while content[at : at + 1].strip(b"\0"):
            kind, name_length, length = struct.unpack_from("<BBH", content, at)
            name = content[at + 4 : at + 4 + name_length]
            value = content[at + 4 + name_length :][:length]
            if not last < name or not 1 <= name_length <= 64 or len(name) < name_length or len(value) < length:
                return {}
            if kind == 1:
                found[name.decode()] = value.decode()
            elif kind in (2, 4) and length == 8:
                (number,) = struct.unpack("<q", value)
                found[name.decode()] = number if kind == 2 else {"date": number}
            elif kind == 3 and length == 8 and value != struct.pack("<d", -0.0):
                (number,) = struct.unpack("<d", value)
                if math.isnan(number):
                    return {}
                found[name.decode()] = {"real": str(number)} if math.isinf(number) else Real(number)
            elif kind == 5:
                tags = []
                while value:
                    tag = value[1 : 1 + value[0]]
                    if len(tag) < value[0] or not tag or (tags and not tags[-1] < tag):
                        return {}
                    tags.append(tag)
                    value = value[1 + value[0] :]
                found[name.decode()] = [tag.decode() for tag in tags]
            else:
                return {}
            at, last = at + 4 + name_length + length, name
    except (UnicodeDecodeError, struct.error):
        return {}
    return {} if len(content) - at >= 8 or content[at:].strip(b"\0") else found


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
        return self.kind in (1, 2, 6)

    @property
    def is_understood(self):  # F1-REC-001
        return self.flags & 0xF8 == 0 and self.dictionary <= self.codec <= 1

    @property
    def content(self):
        if self.codec == 0:
            return self.value
        dictionary = self.segment_dictionary.prepared if self.dictionary else None
        if self.dictionary and dictionary is None:  # F1-DIC-003
            raise Damaged("a value without its dictionary")
        magic = b"\x28\xb5\x2f\xfd" if self.dictionary else b""  # F1-DIC-001
        return Zstd.decompress(magic + bytes(self.value), dictionary)

    @property
    def deadline(self):
        return struct.unpack("<q", self.fields[:8])[0] if self.flags & 2 else None

    @property
    def fields_length(self):
        return 8 * (self.flags >> 1 & 1) + 8 * (self.flags >> 2 & 1)

    @property
    def attributes(self):
        if self.flags & 0xF8:  # F1-REC-003: nobody knows where items begin.
            return {}
        rest = bytes(self.fields[self.fields_length :])
        while len(rest) >= 2 and 0 < rest[1] * 8 <= len(rest):  # F1-REC-003
            if rest[0] == 2:
                return decode_attributes(rest[2 : rest[1] * 8]) if rest[1] <= 250 else {}
            rest = rest[rest[1] * 8 :]
        return {}

    @property
    def version(self):
        return word(self.fields, self.fields_length - 8) if self.flags & 4 else self.sequence


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
        self.barriers = {}
        self.damage = None
        self.sequence = 0
        pattern = re.compile(r"segment-(\d{8,})\.log$")
        names = (pattern.match(name) for name in os.listdir(store.path))
        numbers = sorted(int(match.group(1)) for match in names if match and is_canonical(match.group(1)))
        self.checkpoint = None
        try:
            self.gone = Gone(store)
            self.numbers = [number for number in numbers if not self.gone.holds(number)]
            self.checkpoint = Checkpoint.open(store, self.numbers, self.gone)
            self.read()
            if self.checkpoint and not self.checkpoint.is_covered:  # F1-CHK-002
                raise Damaged(f"{store.path}: the log is not the one that the checkpoint covers")
        except Damaged as damage:
            self.damage = self.damage or str(damage)
        self.hide()

    def read(self):
        if not self.numbers:
            raise Damaged(f"{self.store.path}: no segments")
        first = self.numbers[0]
        if first != 1 and not self.gone.between(0, first):
            raise Damaged(f"{self.store.path}: segment 1 is missing")
        segment = Segment(self.store, first)
        if first == 1 and segment.link and segment.link["previous"] != 0:
            self.damage = f"{segment.path}: the first segment says that it follows another one"
        while True:
            later = [number for number in self.numbers if number > segment.number]
            self.enter(segment)
            # What a segment holds is read even if the next one's header is damaged; then that is the damage.
            try:
                after = Segment(self.store, later[0]) if later else None
                trouble = None
            except Damaged as damage:
                after, trouble = None, damage
            claim = self.claim(segment, after)
            end, checksum, is_whole = self.read_segment(segment, claim)
            if is_whole:
                segment = after
                continue
            is_unknown = later and not after and not self.are_neighbours(segment.number, later[0])
            if self.is_missing or is_unknown:  # F1-END-004
                raise Damaged(f"{self.store.path}: segment {segment.number + 1} is missing")
            if trouble:
                raise trouble
            self.judge_end(segment, claim, end, later)
            if not later and self.gone.follows(segment.number):
                raise Damaged(f"{self.store.path}: the last segment is gone")
            return

    def are_neighbours(self, before, after):
        return after == before + 1 or self.gone.between(before, after) is not None

    def enter(self, segment):
        """F1-REC-020: behind segments that are gone, the link tells the sequence."""
        if self.gone.holds(segment.number - 1) and segment.link:
            if not self.sequence <= segment.link["sequence"] < 1 << 62:
                raise Damaged(f"{segment.path}: its link's sequence")
            self.sequence = segment.link["sequence"]

    def claim(self, segment, after):
        """Where the segment ends, by what follows it: end, checksum, durable (F1-REC-040, F1-REC-043)."""
        self.is_missing = False
        if not after:
            return None
        link, number = after.link, after.number
        if not self.are_neighbours(segment.number, number):  # F1-GON-003
            is_last = number == self.numbers[-1] and not self.gone.follows(segment.number)
            if link is None and is_last or link and link["previous"] == segment.number:
                pass
            elif link is None or segment.number < link["previous"] < number:
                self.is_missing = True
                return None
        if gap := self.gone.between(segment.number, number):
            if link and segment.number <= link["previous"] < number and link["previous_end"] >= FIRST:
                return gap[2], gap[3], gap[2]
        elif link is None:
            return None
        elif link["previous"] == segment.number and link["previous_end"] >= FIRST:
            return link["previous_end"], link["previous_checksum"], link["previous_durable"]
        self.damage = self.damage or f"{after.path}: does not follow the segment before it"  # F1-REC-042
        return None

    def read_segment(self, segment, claim):
        """Returns where reading stopped, the last record's checksum, and whether the log goes on in the next one."""
        limit = min(claim[0], len(segment.data)) if claim else len(segment.data)
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
        return at, checksum, bool(claim and (at, checksum) == claim[:2])

    def drop(self, batch):
        if batch is not None:
            self.sequence = batch[1]

    def refusal(self, segment, record, is_in_batch):
        """Why a valid record may not stand where it does (F1-REC-022)."""
        if record.kind not in (1, 2, 3, 4, 6):  # F1-REC-002
            if not record.kind & 0x80:
                raise NotSupported(f"{segment.path} at byte {record.at}: a record of kind {record.kind}")
            return "before the link" if record.at == FIRST else None
        if record.is_operation:
            if record.sequence != self.sequence + 1:
                return f"sequence {record.sequence} where {self.sequence + 1} is due"
            if not record.key and record.kind != 6 or len(record.fields) < record.fields_length:
                return "no key, or not its fields"
            if record.kind == 6 and (record.value_length or record.codec or record.flags & 2 or not record.is_understood):  # F1-BAR-002
                raise NotSupported(f"{segment.path} at byte {record.at}: a barrier of another form")
            if not 1 <= record.version <= record.sequence:  # F1-REC-023
                return f"version {record.version}"
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
        if record.kind == 6:
            self.barriers[record.key] = max(record.version, self.barriers.get(record.key, 0))
            return
        self.entries.pop(record.key, None)
        if record.kind == 1:
            self.entries[record.key] = record

    def hide(self):
        """F1-BAR-001."""
        lengths = sorted({len(prefix) for prefix in self.barriers})
        for key, record in list(self.entries.items()):
            if any(self.barriers.get(key[:length], 0) > record.version for length in lengths):
                del self.entries[key]

    def judge_end(self, segment, claim, end, later):
        """F1-END-002: was the place where reading stopped on the disk?"""
        reason = None
        sizes = (os.path.getsize(segment_path(self.store.path, number)) for number in [segment.number] + later)
        search = Search(self.sequence, sum(sizes) - end)
        if claim and (claim[2] > end or claim[0] == end):
            reason = "the next segment's link, or the range between"
        elif later and self.gone.follows(segment.number):
            reason = "a range of segments that are gone"
        elif self.checkpoint and (segment.number, end) < self.checkpoint.end:
            reason = "a checkpoint"
        elif segment.proves(end, search, lambda record: record.durable > end):
            reason = "a later record"
        else:
            sealed_for = self.seal[2] if self.seal and self.seal[0] == 2 else None
            for number in later:
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
    def open(store, numbers, gone):
        """The checkpoint, if there is one of this log (F1-CHK-001)."""
        try:
            return Checkpoint(store, read_file(os.path.join(store.path, "index.checkpoint")), numbers, gone)
        except (FileNotFoundError, Damaged, NotSupported):
            return None

    def __init__(self, store, data, numbers, gone):
        check_header(data, "checkpoint", b"INDEX ", 4096)
        directory = data[4096 : 4096 + 1024 * 32]
        ends = word(data, 144) + word(data, 132, 4) * 56
        barriers_at = ends + word(data, 168) * 24
        table, deadlines, barriers = data[word(data, 144) : ends], data[ends:barriers_at], data[barriers_at:]
        has_barriers = word(data, 160) & 2
        is_whole = (
            len(table) == word(data, 132, 4) * 56
            and len(deadlines) == word(data, 168) * 24
            and hash64(directory, 0) == word(data, 136)
            and hash64(table, 0) == word(data, 152)
            and hash64(deadlines, 0) == word(data, 176)
            and len(barriers) == (word(data, 192) if has_barriers else 0)
            and (not has_barriers or hash64(barriers, 0) == word(data, 200) and self.are_barriers(barriers, data))
        )
        is_ours = data[24:40] == store.identifier and word(data, 40) == store.seed
        if not is_whole or not is_ours or word(data, 160) & ~2 or word(data, 128, 4) != 1024:
            raise Damaged("checkpoint: not whole, not of this store, or not understood")
        self.end = struct.unpack_from("<QQ", data, 80)
        last_at, last_checksum = struct.unpack_from("<QQ", data, 104)
        self.last = (self.end[0], last_at, self.end[1], last_checksum)
        # Of what has been compacted, no record is left to compare.
        self.is_covered = gone.holds(self.end[0])
        segments = list(struct.iter_unpack("<7Q", table))
        listed = [segment[0] for segment in segments]
        is_in_order = listed == sorted(set(listed)) and len({number % 65536 for number in listed}) == len(listed)
        if not is_in_order or listed[-1:] != [self.end[0]]:
            raise Damaged("checkpoint: segments out of order, or other ones than those up to its end")
        if gone.history > word(data, 72):
            raise Damaged("checkpoint: removes that it does not have are gone")
        if {number % 65536 for number in listed if gone.holds(number)} & {number % 65536 for number in numbers}:
            raise Damaged("checkpoint: a slot is another segment's now")
        if any(number <= self.end[0] and number not in listed for number in numbers):
            raise Damaged("checkpoint: lacks segments")
        for number, salt, *_ in segments:
            name = segment_path(store.path, number)
            if number in numbers and word(read_file(name)[:256], 56) != salt:
                raise Damaged("checkpoint: of another history")


    @staticmethod
    def are_barriers(table, data):
        """Section 5.3."""
        at = count = 0
        while at + 16 <= len(table):
            version, length = struct.unpack_from("<QQ", table, at)
            if not 0 < version <= word(data, 72) or length > 65535:
                return False
            at, count = at + 16 + (length + 7 & ~7), count + 1
        return at == len(table) and count == word(data, 184) > 0


def member(name, data):
    """F1-DMP-001, 002."""
    try:
        return f'"{name}": {json.dumps(data.decode())}'
    except UnicodeDecodeError:
        return f'"{name}Base64": "{base64.b64encode(data).decode()}"'


def line(record):
    deadline = "" if record.deadline is None else f', "deadline": {record.deadline}'
    attributes = f', "attributes": {encode_json(record.attributes)}' if record.attributes else ""
    entry = f'{member("key", record.key)}, {member("value", record.content)}, "version": {record.version}'
    return f"{{{entry}{deadline}{attributes}}}"


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("dump", "verify"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    try:
        log = Log(Store(arguments[1]))
        status = 0
        if arguments[0] == "dump":
            now = time.time() * 1000
            for record in sorted(log.entries.values(), key=lambda record: record.version):
                if record.deadline is not None and record.deadline <= now:
                    continue
                if not record.is_understood:
                    print(f"not supported: the value at byte {record.at}", file=sys.stderr)
                    status = status or 4
                    continue
                try:
                    print(line(record))
                except Damaged as damage:
                    print(f"damaged: {damage}, at byte {record.at}", file=sys.stderr)
                    status = 3
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
