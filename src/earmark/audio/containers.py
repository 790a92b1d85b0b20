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
OGG_TAIL_BYTES = 131_072  # two of the largest pages an OGG stream can hold (65,307 bytes each)
OGG_PAGE_HEADER_BYTES = 27

# (offset, magic bytes) that must all be present -> name
_SIGNATURES: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("WAV", ((0, b"RIFF"), (8, b"WAVE"))),
    ("WAV (big-endian)", ((0, b"RIFX"), (8, b"WAVE"))),
    ("RF64", ((0, b"RF64"), (8, b"WAVE"))),
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
    if kind in {"WAV", "WAV (big-endian)", "RF64"}:
        return _inspect_wav(path, file, size_bytes, kind)
    if kind == "AIFF":
        return _inspect_aiff(path, file, size_bytes)
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
    while len(header := _read_at(file, position, 8)) == 8:
        name, length = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        start = position + 8
        if name == b"ds64":  # RF64 (EBU Tech 3306): RIFF size, then data size, 64 bits each
            large_bytes = struct.unpack("<Q", _read_at(file, start + 8, 8).ljust(8, b"\0"))[0]
        if name == b"data":
            break
        position = start + length + length % 2
    else:
        return Inspection(kind)  # no data chunk: the decoder refuses it by name
    is_unknown = _is_unknown_length(length)
    if kind == "RF64" and length == 0xFFFFFFFF and 0 < large_bytes < 2**63:
        length, is_unknown = large_bytes, False
    held_bytes = size_bytes - start
    if length == 0 and held_bytes > 0 and riff_bytes + 8 != size_bytes:
        patched = struct.pack(f"{order}I", min(held_bytes, 0xFFFFFFFF))
        return Inspection(kind, splice=_read_at(file, 0, start - 4) + patched, splice_bytes=start)
    if length > held_bytes and not is_unknown:
        raise truncated(path, "the WAV file", f"{held_bytes} bytes of sound", f"{length} bytes as its header says")
    return Inspection(kind)


def _inspect_aiff(path: Path, file: FileIO, size_bytes: int) -> Inspection:
    position = 12
    while len(header := _read_at(file, position, 8)) == 8:
        length = struct.unpack(">I", header[4:])[0]
        held_bytes = size_bytes - position - 8
        if header[:4] == b"SSND" and length > held_bytes and not _is_unknown_length(length):
            raise truncated(path, "the AIFF file", f"{held_bytes} bytes of sound", f"{length} bytes as its header says")
        position += 8 + length + length % 2
    return Inspection("AIFF")


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
