"""One piece into one track: sound it, take a stretch from its middle, set its level, write it."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import Waveform, probe_audio, read_audio, write_audio
from earmark.core.errors import DataError
from earmark.distortion.corpus.render_loops import collage
from earmark.distortion.corpus.render_pieces import read_member
from earmark.distortion.corpus.render_score import arrange, drum_song, read_score
from earmark.distortion.corpus.render_speech import speak, string_prompts
from earmark.distortion.corpus.render_synth import render_midi, render_module
from earmark.distortion.corpus.tracks import Track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.distortion.corpus.render_pieces import Piece

QUIET = 10 ** (-55 / 20)
LOUDEST, QUIETEST = 10 ** (-0.5 / 20), 10 ** (-9 / 20)
MOST_DECODED_PEAK = 0.99
STARTS = (0.5, 0.35, 0.65, 0.2, 0.8, 0.05)
EXTRA_S = 25.0
CODECS = {"VORBIS": "vorbis", "OPUS": "opus", "MPEG_LAYER_III": "mp3"}
LOSSLESS = "flac"


@dataclass(frozen=True)
class Sound:
    """What a piece sounds like, with the codec that it came through."""

    waveform: Waveform
    codec: str = LOSSLESS
    kbps: float = 0.0


def render_piece(piece: Piece, folder: Path, rng: np.random.Generator, *, longest_s: float) -> Track:
    """Write one track and return its row.

    Raises:
        DataError: The piece is too short, silent, or its player fails.
        AudioError: It cannot be decoded.
        StoreError: The folder cannot be written.
    """
    sound = _sound(piece, rng, longest_s=longest_s)
    waveform = take_stretch(sound.waveform, longest_s=longest_s)
    if waveform.duration_s < piece.source.least_s:
        raise DataError(f"{piece.id}: found {waveform.duration_s:.1f} s of sound, expected {piece.source.least_s:g} s")
    is_lossless = sound.codec == LOSSLESS
    waveform = set_level(waveform, rng) if is_lossless else _below_full_scale(waveform)
    path = folder.resolve() / piece.source.role / f"{piece.id}.flac"
    if is_lossless and rng.random() < 0.5:
        write_audio(path, waveform, subtype="PCM_24")
    else:
        write_audio(path, dithered(waveform, rng))
    return Track(
        id=piece.id,
        path=path,
        source=f"{piece.source.name}+{piece.soundfont}" if piece.soundfont else piece.source.name,
        role=piece.source.role,
        track=piece.group,
        kind=piece.source.kind,
        lossless=is_lossless,
        codec=sound.codec,
        kbps=round(sound.kbps, 1),
        rate_hz=waveform.rate_hz,
        n_channels=waveform.n_channels,
        duration_s=math.floor(1000 * waveform.duration_s) / 1000,  # never beyond the end
        licence=piece.source.licence,
    )


def _sound(piece: Piece, rng: np.random.Generator, *, longest_s: float) -> Sound:
    how, name = piece.source.how, piece.id
    if how in ("file", "pk3", "mix"):
        return _decoded(piece, longest_s=longest_s)
    if how == "module":
        return Sound(render_module(read_member(piece), piece.files[0].name, rng))
    if how in ("loops", "kit"):
        return Sound(collage(piece.files, rng, duration_s=rng.uniform(0.6, 1.0) * longest_s))
    if how == "prompts":
        files = [piece.files[index] for index in rng.permutation(len(piece.files))]
        return Sound(string_prompts(files, rng, duration_s=0.8 * longest_s))
    if how in ("flite", "espeak"):
        program = "flite" if how == "flite" else "espeak-ng"
        return Sound(speak(program, piece.soundfont, rng, duration_s=rng.uniform(0.5, 0.9) * longest_s))
    if piece.soundfont_path is None:
        raise DataError(f"{name}: has no soundfont, which {how} needs; name one in the table of sources")
    if how == "drums":
        midi = drum_song(rng, most_s=rng.uniform(0.6, 1.0) * longest_s)
    elif how == "score":
        midi = arrange(read_score(read_member(piece), name), rng, most_s=longest_s + EXTRA_S)
    else:
        midi = read_member(piece)
    return Sound(render_midi(midi, piece.soundfont_path, rng, what=name))


def _decoded(piece: Piece, *, longest_s: float) -> Sound:
    """Return the middle of a lossy file, or of the sum of stems."""
    if piece.member:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(piece.member).name
            path.write_bytes(read_member(piece))
            return _decoded_files([path], longest_s)
    return _decoded_files(piece.files, longest_s)


def _decoded_files(paths: Sequence[Path], longest_s: float) -> Sound:
    infos = [probe_audio(path) for path in paths]
    rate_hz, shortest = infos[0].rate_hz, min(info.n_samples for info in infos)
    if any((info.rate_hz, info.n_channels) != (rate_hz, infos[0].n_channels) for info in infos):
        raise DataError(f"{paths[0]}: its stems differ in rate or channels; leave them out")
    codec = CODECS.get(infos[0].format.split()[-1], LOSSLESS)
    kbps = [
        path.stat().st_size * 8 / 1000 * info.rate_hz / info.n_samples for path, info in zip(paths, infos, strict=True)
    ]
    wanted_s = longest_s + EXTRA_S
    start_s = max(0.0, (shortest / rate_hz - wanted_s) / 2)
    waves = [read_audio(path, start_s=start_s, duration_s=wanted_s).samples for path in paths]
    length = min(wave.shape[1] for wave in waves)
    mixed = np.asarray(sum(wave[:, :length] for wave in waves), dtype=np.float32)
    return Sound(Waveform(mixed, rate_hz), codec, 0.0 if codec == LOSSLESS else float(np.mean(kbps)))


def take_stretch(waveform: Waveform, *, longest_s: float) -> Waveform:
    """Return at most so much of a sound, from where it is least silent, the nearest to its middle; silent ends go.

    Raises:
        DataError: It is silent throughout.
    """
    samples, rate_hz = waveform.samples, waveform.rate_hz
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > QUIET)
    if loud.size == 0:
        raise DataError("found only silence below -55 dBFS, expected sound; leave it out")
    samples = samples[:, loud[0] : loud[-1] + 1]
    wanted = round(longest_s * rate_hz)
    room = samples.shape[1] - wanted
    if room > 0:
        starts = [round(share * room) for share in STARTS]
        start = max(starts, key=lambda start: _sounding_seconds(samples[:, start : start + wanted], rate_hz))
        samples = samples[:, start : start + wanted]
    return Waveform(np.ascontiguousarray(samples), rate_hz)


def _sounding_seconds(samples: np.ndarray, rate_hz: int) -> int:
    seconds = samples[:, : samples.shape[1] // rate_hz * rate_hz].reshape(len(samples), -1, rate_hz)
    return int((np.abs(seconds).max(axis=(0, 2)) > QUIET).sum())


def set_level(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return a sound with its peak at a drawn level from -9 to -0.5 dBFS."""
    peak = float(np.abs(waveform.samples).max())
    target = QUIETEST * (LOUDEST / QUIETEST) ** rng.random()
    return Waveform(np.asarray(waveform.samples * np.float32(target / peak), dtype=np.float32), waveform.rate_hz)


def _below_full_scale(waveform: Waveform) -> Waveform:
    """Return decoded sound turned down if it would be clipped: decoders of loud music go beyond full scale."""
    peak = float(np.abs(waveform.samples).max())
    gain = np.float32(min(1.0, MOST_DECODED_PEAK / peak))
    return Waveform(np.asarray(waveform.samples * gain, dtype=np.float32), waveform.rate_hz)


def dithered(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return a sound with triangular noise of two steps of 16 bits (Lipshitz et al., JAES 40, 1992) before rounding."""
    noise = rng.random(waveform.samples.shape, dtype=np.float32) - rng.random(waveform.samples.shape, dtype=np.float32)
    samples = np.clip(waveform.samples + noise / np.float32(32768), -1.0, 1.0, dtype=np.float32)
    return Waveform(samples, waveform.rate_hz)
