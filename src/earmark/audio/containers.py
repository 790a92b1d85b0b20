"""What a file's own bytes say about it, read before any decoder is trusted.

libsndfile takes what it finds: it plays the rest of a truncated WAV, AIFF or OGG file as if it were the whole, stops
at the first link of a chained OGG stream, sees no sound in a WAV whose writer left the length at 0, and cuts an MP3
without a Xing header where the first frame's bitrate says it should end. All of these are found here, by structure
alone, at the cost of a few reads at either end of the file.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.audio.mpeg import read_mpeg_layout
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

HEAD_BYTES = 64
MAX_CHUNKS = 10_000  # a file of zeros is a hundred million empty chunks
OGG_TAIL_BYTES = 131_072  # two of the largest pages an OGG stream can hold (65,307 bytes each)
OGG_PAGE_HEADER_BYTES = 27

# (offset, magic bytes) that must all be present -> name
_SIGNATURES: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("WAV", ((0, b"RIFF"), (8, b"WAVE"))),
    ("WAV (big-endian)", ((0, b"RIFX"), (8, b"WAVE"))),
    ("RF64", ((0, b"RF64"), (8, b"WAVE"))),
    ("BW64", ((0, b"BW64"), (8, b"WAVE"))),
    ("W64", ((0, b"riff\x2e\x91\xcf\x11"), (24, b"wave"))),
    ("AU", ((0, b".snd"),)),
    ("CAF", ((0, b"caff"),)),
    ("AIFF", ((0, b"FORM"), (8, b"AIF"))),
    ("FLAC", ((0, b"fLaC"),)),
    ("OGG", ((0, b"OggS"),)),
    ("MP4/M4A", ((4, b"ftyp"),)),
    ("Matroska/WebM", ((0, b"\x1a\x45\xdf\xa3"),)),
    ("ASF/WMA", ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),)),
    ("AMR", ((0, b"#!AMR"),)),
    ("WavPack", ((0, b"wvpk"),)),
    ("Monkey's Audio", ((0, b"MAC "),)),
    ("AC-3", ((0, b"\x0b\x77"),)),
    ("a Git LFS pointer (run: git lfs pull)", ((0, b"version https://git-lfs"),)),
    ("a web page (a failed download?)", ((0, b"<!DOCTYPE"),)),
    ("a web page (a failed download?)", ((0, b"<!doctype"),)),
    ("a web page (a failed download?)", ((0, b"<html"),)),
    ("a PNG picture", ((0, b"\x89PNG"),)),
    ("a JPEG picture", ((0, b"\xff\xd8\xff"),)),
    ("a ZIP archive", ((0, b"PK\x03\x04"),)),
    ("a gzip archive", ((0, b"\x1f\x8b"),)),
    ("a PDF document", ((0, b"%PDF"),)),
)
# Containers that libsndfile knows too little of, and FFmpeg (the extra `av`) knows well.
NEEDS_AV = frozenset(
    {"MP4/M4A", "Matroska/WebM", "ASF/WMA", "AMR", "WavPack", "Monkey's Audio", "AC-3", "AAC (ADTS)", "OGG", "MP3"}
)


@dataclass(frozen=True)
class Inspection:
    """What the structure of a file says.

    Attributes:
        kind: Name of the container, or "" if nothing is recognised.
        splice: Bytes that a decoder should see in place of the first `splice_bytes` of the file, if any.
        splice_bytes: How many bytes of the file `splice` stands for.
        last_seek: OGG only: granule position behind which libsndfile's seeking goes wrong.
        refusal: Why libsndfile would decode only a part of this file, or "".
    """

    kind: str
    splice: bytes = b""
    splice_bytes: int = 0
    last_seek: int = 0
    refusal: str = ""


def truncated(path: Path, what: str, found: object, expected: object) -> AudioError:
    """Return the error for a file that holds less than it promises."""
    return AudioError(
        f"{path}: {what} is truncated or damaged: found {found}, expected {expected}; copy or export the file again"
    )


def sniff(head: bytes) -> str:
    """Return the name of what starts with these bytes, or "" if it is not recognised."""
    for name, parts in _SIGNATURES:
        if all(head[offset : offset + len(magic)] == magic for offset, magic in parts):
            return name
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # MPEG sync; layer bits 00 are ADTS
        return "AAC (ADTS)" if head[1] & 0xF6 == 0xF0 else "MP3"
    return "MP3" if head[:3] == b"ID3" else ""


def inspect_container(path: Path, file: FileIO, size_bytes: int) -> Inspection:
    """Return what the structure of an open file says; leaves the file position anywhere.

    Raises:
        AudioError: The file ends before its own header says it should.
    """
    kind = sniff(_read_at(file, 0, HEAD_BYTES))
    if kind in {"WAV", "WAV (big-endian)", "RF64", "BW64"}:
        return _inspect_wav(path, file, size_bytes, kind)
    if kind in _CHUNKS:
        return _inspect_chunks(path, file, size_bytes, kind)
    if kind == "AU":
        start, length = struct.unpack(">II", _read_at(file, 4, 8).ljust(8, b"\0"))
        _check_held(path, kind, size_bytes - start, 0 if length == 0xFFFFFFFF else length)
    if kind == "OGG":
        return _inspect_ogg(path, file, size_bytes)
    if kind == "MP3":
        return _inspect_mp3(path, file, size_bytes)
    return Inspection(kind)


def _read_at(file: FileIO, offset: int, n_bytes: int) -> bytes:
    file.seek(offset)
    return file.read(n_bytes) or b""


def _is_unknown_length(size: int) -> bool:
    """Whether a WAV length is what programs that write into a pipe leave there.

    0 and 0xFFFFFFFF come from FFmpeg and many others, 0x7FFFF000 from SoX, about 2**31 from arecord.
    """
    return size in {0, 0x7FFFF000} or 0x7FFFFF00 <= size <= 0x80000000 or size >= 0xFFFFFF00


def _inspect_wav(path: Path, file: FileIO, size_bytes: int, kind: str) -> Inspection:
    order = ">" if kind == "WAV (big-endian)" else "<"
    head = _read_at(file, 0, 12)
    riff_bytes = struct.unpack(f"{order}I", head[4:8])[0]
    position, large_bytes = 12, 0
    for _ in range(MAX_CHUNKS):
        if len(header := _read_at(file, position, 8)) < 8:
            return Inspection(kind)  # no data chunk: the decoder refuses it by name
        name, length = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        start = position + 8
        if name == b"ds64":  # RF64 (EBU Tech 3306): RIFF size, then data size, 64 bits each
            large_bytes = struct.unpack("<Q", _read_at(file, start + 8, 8).ljust(8, b"\0"))[0]
        if name == b"data":
            break
        position = start + length + length % 2
    else:
        raise _no_sound(path, kind)
    is_unknown = _is_unknown_length(length)
    if kind in {"RF64", "BW64"} and length == 0xFFFFFFFF and 0 < large_bytes < 2**63:
        length, is_unknown = large_bytes, False
    held_bytes = size_bytes - start
    if length == 0 and held_bytes > 0 and riff_bytes + 8 != size_bytes:
        patched = struct.pack(f"{order}I", min(held_bytes, 0xFFFFFFFF))
        return Inspection(kind, splice=_read_at(file, 0, start - 4) + patched, splice_bytes=start)
    _check_held(path, "WAV", held_bytes, 0 if is_unknown else length)
    # BW64 (ITU-R BS.2088) is RF64 under another name, which libsndfile does not know
    return Inspection(kind, splice=b"RF64", splice_bytes=4) if kind == "BW64" else Inspection(kind)


@dataclass(frozen=True)
class _Chunks:
    """How a container lays out its chunks.

    Attributes:
        first: Where the first chunk starts.
        header: `struct` format of the name and length of a chunk.
        sound: Name of the chunk that holds the sound.
        align: Chunks start at multiples of this many bytes.
        counts_header: Whether a length includes the header.
    """

    first: int
    header: str
    sound: bytes
    align: int
    counts_header: bool = False


# AIFF: Apple, 1989; CAF: Apple, Core Audio Format Specification 1.0; W64: Sony Pictures Digital, Wave64
_CHUNKS = {
    "AIFF": _Chunks(12, ">4sI", b"SSND", 2),
    "CAF": _Chunks(8, ">4sq", b"data", 1),
    "W64": _Chunks(40, "<4s12xQ", b"data", 8, counts_header=True),
}


def _inspect_chunks(path: Path, file: FileIO, size_bytes: int, kind: str) -> Inspection:
    layout = _CHUNKS[kind]
    position, header_bytes = layout.first, struct.calcsize(layout.header)
    for _ in range(MAX_CHUNKS):
        if len(header := _read_at(file, position, header_bytes)) < header_bytes:
            break
        name, length = struct.unpack(layout.header, header)
        length -= header_bytes * layout.counts_header
        if length < 0 or length > 2**62:  # up to the end of the file: -1 in CAF, 2**63 - 1 in FFmpeg's W64
            break
        position += header_bytes
        if name == layout.sound:
            is_unknown = kind == "AIFF" and _is_unknown_length(length)
            _check_held(path, kind, size_bytes - position, 0 if is_unknown else length)
            break
        position += length + -length % layout.align
    else:
        raise _no_sound(path, kind)
    return Inspection(kind)


def _no_sound(path: Path, kind: str) -> AudioError:
    """Return the error for what is zeros behind its header; libsndfile and FFmpeg search those for minutes."""
    return AudioError(
        f"{path}: found {MAX_CHUNKS:,} chunks in the {kind} file, expected a few; it is damaged; export it again"
    )


def _check_held(path: Path, kind: str, held_bytes: int, length: int) -> None:
    if length > held_bytes:
        raise truncated(path, f"the {kind} file", f"{held_bytes} bytes of sound", f"{length} bytes as its header says")


def _inspect_ogg(path: Path, file: FileIO, size_bytes: int) -> Inspection:
    """Check that the last page is whole and belongs to the first stream (page layout: RFC 3533)."""
    serial = _read_at(file, 14, 4)
    tail_start = max(0, size_bytes - OGG_TAIL_BYTES)
    tail = _read_at(file, tail_start, OGG_TAIL_BYTES)
    granules, refusal, position = [], "", tail.find(b"OggS")
    while position >= 0:
        header = tail[position : position + OGG_PAGE_HEADER_BYTES]
        n_segments = header[26] if len(header) == OGG_PAGE_HEADER_BYTES else 0
        lacing = tail[position + OGG_PAGE_HEADER_BYTES : position + OGG_PAGE_HEADER_BYTES + n_segments]
        page_bytes = OGG_PAGE_HEADER_BYTES + n_segments + sum(lacing)
        page = tail[position : position + page_bytes]
        if len(page) < page_bytes or len(lacing) < n_segments:
            raise truncated(path, "the last page of the OGG file", f"{len(page)} bytes", f"{page_bytes} or more")
        if header[14:18] == serial:
            granules.append(struct.unpack("<q", header[6:14])[0])
            refusal = ""
        else:
            refusal = "several OGG streams in one file, of which only the first would be decoded"
        position = tail.find(b"OggS", position + page_bytes)
    # libsndfile places every sound of the last page wrongly after a seek into it, because that page's granule position
    # is cut to the end of the sound (its issue 885): never seek beyond the page before.
    known = [granule for granule in granules if granule >= 0]
    return Inspection("OGG", last_seek=known[-2] if len(known) > 1 else 0, refusal=refusal)


def _inspect_mp3(path: Path, file: FileIO, size_bytes: int) -> Inspection:
    with mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_READ) as content:
        layout = read_mpeg_layout(content)
    if layout is None:
        return Inspection("MP3")
    if layout.found_samples < layout.promised_samples:
        raise truncated(path, "the MP3 file", f"{layout.found_samples} samples", f"{layout.promised_samples}")
    if layout.is_joined:
        return Inspection("MP3", refusal="several MP3 files in one, of which only the first would be decoded")
    return Inspection("MP3", splice=layout.made_header, splice_bytes=layout.start)
