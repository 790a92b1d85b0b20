"""Sounds and small files in every format that can be written here."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Tone = Callable[..., NDArray[np.float32]]
MakeFile = Callable[..., Path]
MakeWav = Callable[..., bytes]


@pytest.fixture
def tone() -> Tone:
    """Return a function that makes a sine, float32 (n_samples,)."""

    def make(frequency_hz: float, duration_s: float, rate_hz: int, amplitude: float = 0.5) -> NDArray[np.float32]:
        times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        return (amplitude * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)

    return make


@pytest.fixture
def chirp(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return 2 s of noisy stereo sound at 44.1 kHz, no stretch of which equals another: float32 (2, n_samples)."""
    times_s = np.arange(88_200) / 44_100
    sweep = 0.4 * np.sin(2 * np.pi * (300 * times_s + 700 * times_s**2))
    noise = 0.03 * rng.standard_normal((2, len(times_s)))
    return (np.stack([sweep, 0.5 * sweep[::-1]]) + noise).astype(np.float32)


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Return a function that writes float32 (n_channels, n_samples) or (n_samples,) and returns the path."""

    def make(samples: NDArray[np.float32], name: str = "sound.wav", rate_hz: int = 44_100, **options: Any) -> Path:
        path = tmp_path / name
        options.setdefault("format", {".opus": "OGG", ".mp3": "MP3"}.get(path.suffix))
        options.setdefault("subtype", {".opus": "OPUS"}.get(path.suffix))
        frames = np.atleast_2d(samples).T
        with soundfile.SoundFile(path, "w", rate_hz, frames.shape[1], **options) as file:
            for start in range(0, len(frames), 8192):  # libsndfile crashes on long OGG writes
                file.write(frames[start : start + 8192])
        return path

    return make


@pytest.fixture
def make_wav() -> MakeWav:
    """Return a function that makes the bytes of a mono 16-bit WAV, with chosen lengths in its headers."""

    def make(
        n_samples: int = 1000,
        *,
        riff_bytes: int | None = None,
        data_bytes: int | None = None,
        rate_hz: int = 8000,
        before: bytes = b"",
        order: str = "<",
    ) -> bytes:
        body = (np.arange(n_samples) % 100).astype(f"{order}i2").tobytes()
        form = struct.pack(f"{order}IHHIIHH", 16, 1, 1, rate_hz & 0xFFFFFFFF, 2 * rate_hz & 0xFFFFFFFF, 2, 16)
        data = struct.pack(f"{order}I", len(body) if data_bytes is None else data_bytes) + body
        chunks = b"WAVEfmt " + form + before + b"data" + data
        size = len(chunks) if riff_bytes is None else riff_bytes
        return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", size) + chunks

    return make


@pytest.fixture
def make_m4a(tmp_path: Path) -> MakeFile:
    """Return a function that encodes float32 (n_channels, n_samples) with FFmpeg."""
    av = pytest.importorskip("av")

    def make(samples: NDArray[np.float32], name: str = "sound.m4a", rate_hz: int = 44_100, codec: str = "aac") -> Path:
        path = tmp_path / name
        layout = "stereo" if len(samples) == 2 else "mono"
        options = {"movflags": "faststart"} if path.suffix == ".m4a" else {}
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=rate_hz, layout=layout)
            resampler = av.AudioResampler(stream.codec_context.format or "fltp", layout, rate_hz)
            for start in range(0, samples.shape[1], 1024):
                block = np.ascontiguousarray(samples[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.rate, frame.pts = rate_hz, start
                for part in resampler.resample(frame):
                    container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return path

    return make
