"""The loop closed: a wrong answer, corrections, an export, a training with the old data, the right answer."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from typer.testing import CliRunner

from earmark.cli.main import app
from earmark.models import load_bundle
from earmark.service.options import ServeOptions
from tests.service.serving import asked

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.testclient import TestClient

RATE_HZ = 8000
LEVELS = {"loud": 0.3, "quiet": 0.003}
# Nearer to what the first model knows as loud than to what it knows as quiet.
MURMUR = 0.07


def noise(level: float, seed: int) -> bytes:
    samples = np.clip(level * np.random.default_rng(seed).normal(size=RATE_HZ // 2), -1, 1)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="FLOAT")
    return file.getvalue()


def write_old_data(folder: Path) -> Path:
    folder.mkdir()
    lines = ["path,label,group"]
    for number, group in enumerate(("ada", "ben", "cleo", "dan")):
        for label, level in LEVELS.items():
            for take in range(2):
                name = f"{group}-{label}-{take}.wav"
                (folder / name).write_bytes(noise(level, 100 * number + take))
                lines.append(f"{name},{label},{group}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def classified(client: TestClient, sound: bytes) -> dict[str, Any]:
    answer = client.post("/v1/classify", content=sound, headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_a_wrong_answer_becomes_a_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    old, state, out = write_old_data(tmp_path / "old"), tmp_path / "state", tmp_path / "corrections"
    training = ("--model", "level", "--folds", "grouped:2", "--name", "loudness", "--out", tmp_path / "bundles")
    run("train", old, *training)
    options = ServeOptions(models=(str(tmp_path / "bundles" / "loudness"),), state_dir=str(state), reload_s=0)

    unheard = noise(MURMUR, 999)
    with asked(options) as client:
        before = classified(client, unheard)
        assert before["label"] == "loud"  # wrong: this is a murmur, and those count as quiet
        for number in range(8):  # other sounds of the same kind, from four recordings
            sound = noise(MURMUR, 500 + number)
            result = classified(client, sound)
            assert result["label"] == "loud"
            form = {
                "result": json.dumps(result),
                "verdict": "wrong",
                "label": "quiet",
                "consent": "true",
                "recording": f"tape {number // 2}",
            }
            sent = client.post("/v1/feedback", data=form, files={"audio": ("murmur.wav", sound, "audio/wav")})
            assert sent.json()["audio_kept"] is True, sent.text

    exported = json.loads(run("feedback", "export", out, "--state-dir", state, "--model", "loudness", "--json"))
    assert (exported["n_clips"], exported["n_groups"], exported["labels"]) == (8, 4, {"quiet": 8})
    run("train", old, "--also", exported["manifest"], *training)

    with asked(options) as client:
        after = classified(client, unheard)
    assert after["label"] == "quiet"
    assert after["accepted"]
    assert after["model"]["version"] != before["model"]["version"]
    bundle = load_bundle(tmp_path / "bundles" / "loudness")
    assert bundle.spec.provenance["extra"]["n_clips"] == 8
    assert hashlib.sha256(unheard).hexdigest() == after["audio"]["sha256"]
    # The old sounds are told apart as well as before.
    with asked(options) as client:
        for label, level in LEVELS.items():
            assert classified(client, noise(level, 42))["label"] == label


def test_the_manifest_alone_can_be_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    old, state = write_old_data(tmp_path / "old"), tmp_path / "state"
    bundles = tmp_path / "bundles"
    run("train", old, "--model", "level", "--folds", "grouped:2", "--name", "loudness", "--out", bundles)
    options = ServeOptions(models=(str(bundles / "loudness"),), state_dir=str(state), reload_s=0)
    with asked(options) as client:
        for number in range(8):
            sound = noise(LEVELS[("loud", "quiet")[number % 2]], 700 + number)
            result = classified(client, sound)
            form = {
                "result": json.dumps(result),
                "verdict": "correct",
                "consent": "true",
                "recording": f"{number // 2}",
            }
            assert client.post("/v1/feedback", data=form, files={"audio": ("a.wav", sound)}).status_code == 201
    manifest = json.loads(run("feedback", "export", tmp_path / "out", "--state-dir", state, "--json"))["manifest"]
    told = json.loads(run("train", manifest, "--model", "level", "--folds", "grouped:2", "--out", bundles, "--json"))
    assert told["bundle"].endswith("feedback-v1-level")
    assert told["n_clips"] == 8
