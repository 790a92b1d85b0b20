"""Small packages, one for every way of rendering, and players that always give the same tone."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.distortion.corpus import fetch
from earmark.distortion.corpus.fetch import wheel_path
from earmark.distortion.corpus.sources import MUSIC21, Source
from earmark.distortion.corpus.tracks import Track

# The file that comes after -F, -o or -w, last of them, gets the sound.
PLAYER = """#!/bin/sh
echo "$0 $@" >> "$CALLS"
while [ $# -gt 0 ]; do case "$1" in -F|-o|-w) out="$2";; esac; shift; done
cp "$SOUND" "$out"
"""
TRACKER = """#!/bin/sh
echo "$0 $@" >> "$CALLS"
for last; do :; done
cp "$SOUND" "$last.wav"
"""
SCORE = (
    b"<score-partwise><part id='P1'><measure><note><pitch><step>C</step><octave>4</octave></pitch>"
    b"<duration>1</duration></note></measure></part></score-partwise>"
)


def tone(duration_s: float = 3.0, rate_hz: int = 8000, n_channels: int = 2, peak: float = 0.1) -> Waveform:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = peak * np.sin(2 * np.pi * np.array([[300.0], [301.0]])[:n_channels] * times_s)
    return Waveform(wave.astype(np.float32), rate_hz)


def wad(*lumps: tuple[str, bytes]) -> bytes:
    place, content, table = 12, b"", b""
    for name, lump in lumps:
        table += struct.pack("<ii8s", place + len(content), len(lump), name.encode())
        content += lump
    return b"IWAD" + struct.pack("<ii", len(lumps), 12 + len(content)) + content + table


def lump(letter: bytes) -> bytes:
    return b"MThd" + letter * 4000


def row(name: str, how: str, pattern: str = "", **more: object) -> Source:
    source = Source(name, (name,), "pool", "recorded", "CC0-1.0", how, pattern, least_s=0.1)
    return replace(source, **more)  # type: ignore[arg-type]


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put programs in the path that note how they are called and give the same tone; return the notes."""
    programs = tmp_path / "bin"
    for name in ("fluidsynth", "timidity", "flite", "espeak-ng", "openmpt123"):
        put(programs / name, (TRACKER if name == "openmpt123" else PLAYER).encode()).chmod(0o755)
    write_audio(tmp_path / "sound.wav", tone(), subtype="FLOAT")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("SOUND", str(tmp_path / "sound.wav"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    """Return a folder with a small package for every way of rendering."""
    folder = tmp_path / "x"
    for name in ("one", "two", "three"):
        put(folder / "songs" / "usr" / f"{name}.mid", b"MThd")
        put(folder / "tracker" / f"{name}.xm", b"module")
        write_audio(folder / "kits" / "A" / f"{name}.wav", tone(0.2))
        write_audio(folder / "kits" / "B" / f"{name}.flac", tone(0.2))
        write_audio(folder / "prompts" / f"{name}.wav", tone(0.5, n_channels=1))
        write_audio(folder / "lossy" / "music" / f"{name}.ogg", tone(peak=0.5))
    put(folder / "doom" / "a.wad", wad(("D_ONE", lump(b"a")), ("D_TINY", b"MThd"), ("MAP", b"x" * 5000)))
    put(folder / "doom" / "b.wad", wad(("D_ONE", lump(b"a")), ("D_TWO", lump(b"b"))))
    for name in ("song", "guitar"):
        write_audio(folder / "stems" / "first" / f"{name}.ogg", tone(peak=0.4))
    write_audio(folder / "stems" / "second" / "song.ogg", tone())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("music/a.ogg", (folder / "lossy" / "music" / "one.ogg").read_bytes())
        archive.writestr("music/skipped.ogg", b"")
        archive.writestr("readme.txt", b"")
    put(folder / "zipped" / "0.pk3", packed.getvalue())
    with zipfile.ZipFile(put(wheel_path(folder, MUSIC21)), "w") as archive:
        archive.writestr("music21/corpus/bach/bwv1.xml", SCORE)
        archive.writestr("music21/corpus/haydn/opus1.xml", SCORE)
        archive.writestr("music21/corpus/bach/notes.txt", b"")
    put(folder / "timgm6mb-soundfont" / "TimGM6mb.sf2")
    put(folder / "opl3-soundfont" / "OPL.sf2")
    put(folder / "freepats" / "etc" / "timidity" / "freepats.cfg", b"dir /usr/share\n0 Tone_000/000.pat\n")
    put(folder / "freepats" / "usr" / "share" / "midi" / "freepats" / "Tone_000" / "000.pat")
    return folder


ROWS = {
    source.name: source
    for source in (
        row("songs", "midi", "*.mid", kind="midi", soundfonts=("timgm", "freepats")),
        row("doom", "wad", "*.wad", kind="midi", soundfonts=("timgm",)),
        row("scores", "score", "bach/*", packages=(), kind="midi", soundfonts=("opl3",), pypi=MUSIC21),
        row("beats", "drums", packages=(), limit=2, kind="loops", soundfonts=("opl3",)),
        row("tracker", "module", "*", kind="module"),
        row("kits", "kit", "A/*|B/*", limit=3, kind="loops"),
        row("loops", "loops", "A/*", packages=("kits",), limit=2, kind="loops"),
        row("prompts", "prompts", "*.wad|*.wav", limit=2, kind="speech"),
        row("lossy", "file", "music/*.ogg", limit=2),
        row("zipped", "pk3", "*.pk3", skip=("skipped*",)),
        row("stems", "mix", "song.ogg"),
        row("flite", "flite", "slt|rms", packages=(), limit=3, kind="speech"),
        row("espeak", "espeak", "en-us+f3", packages=(), limit=1, kind="speech"),
    )
}
N_PIECES = {"songs": 6, "doom": 2, "scores": 1, "beats": 2, "tracker": 3, "kits": 3, "loops": 2, "prompts": 2}
N_PIECES |= {"lossy": 2, "zipped": 1, "stems": 3, "flite": 3, "espeak": 1}


@pytest.fixture
def rows() -> dict[str, Source]:
    return ROWS


@pytest.fixture
def n_pieces() -> dict[str, int]:
    return N_PIECES


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SOURCES", tuple(ROWS.values()))


NewTrack = Callable[..., Track]


@pytest.fixture(scope="session")
def new_track() -> NewTrack:
    """Return what makes a track of the table, of stereo music in full quality where nothing else is said."""

    def new(name: str, **changes: object) -> Track:
        track = Track(
            id=name,
            path=Path("/nowhere") / f"{name}.flac",
            source="made",
            role="pool",
            track=name,
            kind="recorded",
            lossless=True,
            codec="flac",
            kbps=0.0,
            rate_hz=44_100,
            n_channels=2,
            duration_s=30.0,
            licence="CC0-1.0",
        )
        return replace(track, **changes)  # type: ignore[arg-type]

    return new


PutTrack = Callable[..., Track]


@pytest.fixture
def put_track(tmp_path: Path, make: Callable[..., Waveform], new_track: NewTrack) -> PutTrack:
    """Return what writes short music, or the sound it is given, as a track of the table."""

    def put_one(name: str, sound: Waveform | None = None, **changes: object) -> Track:
        music = make(2, 44_100, 2.0) if sound is None else sound
        path = tmp_path / "tracks" / f"{name}.flac"
        write_audio(path, music, subtype="PCM_24")
        facts = {"rate_hz": music.rate_hz, "n_channels": music.n_channels, "duration_s": music.duration_s}
        return new_track(name, path=path, **(facts | changes))

    return put_one
