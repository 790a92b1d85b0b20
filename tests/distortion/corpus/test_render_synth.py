from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.distortion.corpus import render_synth
from earmark.distortion.corpus.render_pieces import soundfont_path
from earmark.distortion.corpus.render_synth import find_program, render_midi, render_module

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_midi_is_played_softly_by_the_player_that_fits_the_soundfont(fetched: Path, players: Path) -> None:
    rng = np.random.default_rng(0)
    assert render_midi(b"MThd", soundfont_path("timgm", fetched), rng, what="x").n_samples == 24_000
    assert "fluidsynth -ni -q -g 0.2" in players.read_text()
    render_midi(b"MThd", soundfont_path("freepats", fetched), rng, what="x")
    assert "timidity -c" in players.read_text()


def test_the_settings_of_timidity_name_the_unpacked_folder(fetched: Path) -> None:
    text = render_synth._timidity_settings(soundfont_path("freepats", fetched))
    assert text.splitlines()[0] == f"dir {fetched / 'freepats' / 'usr' / 'share' / 'midi' / 'freepats'}"
    assert text.count("dir ") == 1
    (fetched / "freepats" / "usr" / "share" / "midi" / "freepats" / "Tone_000" / "000.pat").unlink()
    (fetched / "freepats" / "usr" / "share" / "midi" / "freepats" / "Tone_000").rmdir()
    with pytest.raises(DataError, match="found no folder freepats/Tone_000"):
        render_synth._timidity_settings(soundfont_path("freepats", fetched))


def test_a_player_that_is_missing_fails_or_hangs_is_told(
    players: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    program = tmp_path / "bin" / "openmpt123"
    put(program, b"#!/bin/sh\necho 'bad module' >&2\nexit 3\n")
    with pytest.raises(DataError, match=r"a\.xm: openmpt123 failed \(bad module\)"):
        render_module(b"", "a.xm", rng)
    monkeypatch.setattr(render_synth, "LIMIT_S", 0.05)
    put(program, b"#!/bin/sh\nexec sleep 5\n")
    with pytest.raises(DataError, match="did not finish"):
        render_module(b"", "a.xm", rng)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt-get install fluidsynth"):
        find_program("fluidsynth")
