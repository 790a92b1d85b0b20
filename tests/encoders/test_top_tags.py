"""Encoders of AudioSet's tags hear what is there: speech, music and typing, on real recordings."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import cut_windows, read_audio
from earmark.encoders.weights import weights_at_hand
from earmark.models.table import build_frontend

if TYPE_CHECKING:
    from pathlib import Path

N_CLIPS = 8


def recordings(folder: Path, label: str) -> list[Path]:
    with (folder / "clips.csv").open(encoding="utf-8", newline="") as file:
        return [folder / row["path"] for row in csv.DictReader(file) if row["label"] == label][:N_CLIPS]


def top_tags(name: str, files: list[Path], n_tags: int) -> list[str]:
    """Return the tags with the highest mean scores over the files played one after the other."""
    encoder = build_frontend(name, {"output": "scores"})
    spec = encoder.spec
    sound = np.concatenate([read_audio(path, rate_hz=spec.rate_hz, mono=True).mono() for path in files])
    scores = encoder(cut_windows(sound, spec.window_samples, spec.hop_samples)).mean(axis=0)
    names: tuple[str, ...] = getattr(encoder, "class_names", ())
    return [names[index] for index in scores.argsort()[::-1][:n_tags]]


@pytest.mark.real
@pytest.mark.parametrize("name", ["mn04", "yamnet"])
def test_speech_music_and_typing_are_heard(name: str, fsdd_dir: Path, oneshots_dir: Path, esc50_dir: Path) -> None:
    if weights_at_hand(name) is None or weights_at_hand("audioset_labels") is None:
        pytest.skip(f"the weights of {name} are not on this machine")
    assert top_tags(name, recordings(fsdd_dir, "7"), 1) == ["Speech"]
    assert top_tags(name, recordings(oneshots_dir, "loop"), 1) == ["Music"]
    assert {"Typing", "Computer keyboard"} & set(top_tags(name, recordings(esc50_dir, "keyboard_typing"), 2))
