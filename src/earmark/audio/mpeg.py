"""Frame headers of MPEG audio (MP3): where the sound starts, how long it is, whether its end is there.

A Xing or Info header in the first frame tells the number of frames and bytes. Without one libsndfile guesses the
length from the first frame's bitrate and cuts the rest off, which loses most of a variable-bitrate file, so here the
frames are counted and a header is made for it. Layout: ISO/IEC 11172-3 2.4.1 and 13818-3; Xing header as in LAME.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

RESYNC_BYTES = 65_536
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_KBPS = {  # by (is MPEG-1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_TRAILING_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")


@dataclass(frozen=True)
class MpegLayout:
    """Where the sound of an MPEG audio file lies.

    Attributes:
        start: Byte at which the sound starts, behind ID3v2 tags and, if its length is unusable, the header frame.
        found_samples: Samples per channel in whole frames, where they were counted.
        promised_samples: Samples that should be there; more than were found if the end of the file is missing.
        is_joined: Whether another stream follows the one that the header describes.
        made_header: A frame with a Xing header that tells the counted length; empty where it is not needed.
    """

    start: int
    found_samples: int = 0
    promised_samples: int = 0
    is_joined: bool = False
    made_header: bytes = b""


@dataclass(frozen=True)
class _Frame:
    n_bytes: int
    n_samples: int
    kind: tuple[int, int, int]  # version bits, layer, rate: equal in all frames of a stream
    side_info_bytes: int


def read_mpeg_layout(content: mmap.mmap | bytes) -> MpegLayout | None:
    """Return where the sound lies, or None if no two frames in a row are found near the start."""
    start = _find_frame(content, _skip_id3(content, 0))
    if start is None or (first := _parse(content, start)) is None:
        return None
    xing = start + 4 + first.side_info_bytes
    if content[xing : xing + 4] in (b"Xing", b"Info"):
        flags, promised_frames, promised_bytes = struct.unpack(">III", content[xing + 4 : xing + 16].ljust(12, b"\0"))
        if flags & 3 == 3 and promised_frames and promised_bytes:
            return _trust_xing(content, start, first, (promised_frames, promised_bytes))
        start += first.n_bytes
    elif content[start + 36 : start + 40] == b"VBRI":  # Fraunhofer's header, which libsndfile's decoder ignores
        start += first.n_bytes
    return _count(content, start, first)


def _trust_xing(content: mmap.mmap | bytes, start: int, first: _Frame, promised: tuple[int, int]) -> MpegLayout:
    promised_frames, promised_bytes = promised
    end = start + promised_bytes
    if end > len(content):  # some writers count tags in, so only counted frames prove that sound is missing
        n_frames, _ = _walk(content, start, first)
        return MpegLayout(start, (n_frames - 1) * first.n_samples, promised_frames * first.n_samples)
    if content[end : end + 3] == b"TAG":
        end += 128
    # Two frames in a row: one more frame is only a writer that did not count the header's own.
    is_joined = _find_frame(content, _skip_id3(content, end), first.kind) is not None
    return MpegLayout(start, is_joined=is_joined)


def _count(content: mmap.mmap | bytes, start: int, first: _Frame) -> MpegLayout:
    n_frames, end = _walk(content, start, first)
    header = b""
    if first.kind[1] == 3:  # the decoder looks for the header in layer III only
        header = _make_xing(content[start : start + 4], first, n_frames, min(end, len(content)) - start)
    n_promised = n_frames + (end > len(content))
    return MpegLayout(start, n_frames * first.n_samples, n_promised * first.n_samples, made_header=header)


def _skip_id3(content: mmap.mmap | bytes, position: int) -> int:
    while content[position : position + 3] == b"ID3" and len(content) >= position + 10:
        size = 0
        for byte in content[position + 6 : position + 10]:  # "synchsafe": 7 bits in each byte
            size = size << 7 | byte & 0x7F
        position += 10 + size + 10 * bool(content[position + 5] & 0x10)
    return position


def _parse(content: mmap.mmap | bytes, position: int) -> _Frame | None:
    head = content[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    rate_hz = _RATES_HZ[version][rate]
    bits = _KBPS[version == 3, layer][bitrate - 1] * 1000
    if layer == 1:
        n_samples, n_bytes = 384, (12 * bits // rate_hz + padding) * 4
    else:
        n_samples = 576 if layer == 3 and version != 3 else 1152
        n_bytes = n_samples // 8 * bits // rate_hz + padding
    is_mono = head[3] >> 6 == 3
    side_info_bytes = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    return _Frame(n_bytes, n_samples, (version, layer, rate), side_info_bytes)


def _find_frame(content: mmap.mmap | bytes, position: int, kind: tuple[int, int, int] | None = None) -> int | None:
    """Return where the next frame (of a kind) starts that another frame of its kind follows."""
    stop = min(len(content), position + RESYNC_BYTES)
    while (position := content.find(b"\xff", position, stop)) >= 0:
        frame = _parse(content, position)
        if frame is not None and kind in (None, frame.kind):
            following = _parse(content, position + frame.n_bytes)
            if following is not None and following.kind == frame.kind:
                return position
        position += 1
    return None


def _walk(content: mmap.mmap | bytes, position: int, first: _Frame) -> tuple[int, int]:
    """Return the number of whole frames like `first` from a position on, and where the last one should end."""
    n_frames, end = 0, position
    while True:
        frame = _parse(content, position)
        if frame is not None and frame.kind == first.kind:
            n_frames += 1
            position = end = position + frame.n_bytes
        elif content[position : position + 11].startswith(_TRAILING_TAGS):
            break
        else:
            following = _find_frame(content, position, first.kind)
            if following is None:
                break
            position = following
    return n_frames - (end > len(content)), end


def _make_xing(head: bytes, first: _Frame, n_frames: int, n_bytes: int) -> bytes:
    """Return a frame like the first one that holds a Xing header instead of sound."""
    # bit 16 set: no checksum; 128 kbit/s (64 in MPEG-2) leave room for the header at every rate
    header = bytes([head[0], head[1] | 1, 9 << 4 | head[2] & 0x0C, head[3]])
    frame = _parse(header, 0)
    length = first.n_bytes if frame is None else frame.n_bytes
    body = header + bytes(first.side_info_bytes) + b"Xing" + struct.pack(">III", 3, n_frames, n_bytes + length)
    return body.ljust(length, b"\0")
