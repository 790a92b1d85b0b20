from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio import read_audio
from earmark.core.errors import BundleError, ConfigError, ModelError
from earmark.inference.analysis import Hearing, Listener, Place
from earmark.inference.analysis.task import Failure, Part, Task
from earmark.inference.hearers import BundleHearer, ModelChoice, open_hearer
from tests.inference.analysis.conftest import changing_tone, detections_of, parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.inference import Predictor
    from earmark.models.bundle import Bundle
    from tests.inference.analysis.conftest import Record


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_it_hears_what_the_predictor_hears(record: Record, hearing: Hearing, predictor: Predictor, name: str) -> None:
    path = record(name)
    scores = predictor.scores(read_audio(path, mono=True))
    parts = parts_of(Listener(replace(hearing, min_confidence=0.0)), path)
    found = {window: (column, probability) for window, column, probability in detections_of(parts)}
    assert len(found) == sum(part.n_windows - part.n_silent for part in parts)
    assert sum(part.n_windows for part in parts) == len(scores.values)
    for window, (column, probability) in found.items():
        assert column == int(scores.values[window].argmax())
        assert probability == pytest.approx(float(scores.values[window].max()), abs=1e-5)
    assert 0 < sum(part.n_silent for part in parts) < len(scores.values)
    assert [part.block for part in parts] == list(range(len(parts)))
    assert len(parts) > 4
    ending = parts[-1].ending
    assert ending is not None
    assert ending.n_blocks == len(parts)
    assert ending.duration_s == pytest.approx(50.3, abs=1e-4)
    assert sum(part.sound_s for part in parts) == pytest.approx(ending.duration_s)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    paths = []
    for name, rate_hz in (("a.wav", 8000), ("b.flac", 11025), ("c.ogg", 16000)):
        path = tmp_path_factory.mktemp("property") / name
        soundfile.write(path, changing_tone(33.7, rate_hz, 5), rate_hz)
        paths.append(path)
    return paths


@given(block_s=st.floats(0.1, 40), hop_s=st.sampled_from([0.1, 0.25, 0.5]), which=st.integers(0, 2), data=st.data())
def test_what_is_heard_does_not_depend_on_how_the_work_is_divided(
    recordings: list[Path], bundle_folder: Path, block_s: float, hop_s: float, which: int, data: st.DataObject
) -> None:
    path = recordings[which]
    hearing = Hearing(ModelChoice(bundle_folder), hop_s=hop_s, min_confidence=0.3)
    whole = parts_of(Listener(hearing), path)
    listener = Listener(replace(hearing, block_s=block_s))
    divided = parts_of(listener, path)
    assert detections_of(divided) == detections_of(whole)
    assert [part.ending for part in divided[:-1]] == [None] * (len(divided) - 1)
    block = data.draw(st.integers(0, len(divided) - 1))
    end = None if block == len(divided) - 1 else block + 1
    assert parts_of(listener, path, first=block, end=end) == [divided[block]]
    assert parts_of(listener, path, first=block) == divided[block:]
    if block:
        rest = parts_of(listener, path, done=frozenset(range(block)))
        assert rest == divided[block:]


def test_a_task_behind_the_end_only_says_that_it_is_the_end(record: Record, hearing: Hearing) -> None:
    path = record(duration_s=9.9)
    listener = Listener(hearing)
    whole = parts_of(listener, path)
    (part,) = parts_of(listener, path, first=len(whole))
    assert (part.windows, part.n_windows) == ([], 0)
    assert part.ending == whole[-1].ending


def test_a_recording_shorter_than_a_window_has_one(record: Record, hearing: Hearing) -> None:
    (part,) = parts_of(Listener(hearing), record(duration_s=0.1))
    assert part.n_windows == 1
    assert part.ending is not None
    assert part.sound_s == pytest.approx(0.1)


def test_silence_is_heard_as_nothing(tmp_path: Path, hearing: Hearing) -> None:
    soundfile.write(tmp_path / "still.wav", np.zeros(80_000, dtype=np.float32), 8000)
    parts = parts_of(Listener(replace(hearing, min_confidence=0.0)), tmp_path / "still.wav")
    assert not detections_of(parts)
    assert sum(part.n_silent for part in parts) == sum(part.n_windows for part in parts) == 39


def test_parts_keep_every_value_in_a_journal(record: Record, hearing: Hearing) -> None:
    parts = parts_of(Listener(hearing), record())
    assert [Part.from_json(part.to_json()) for part in parts] == parts
    assert Part.from_json({"block": 1}) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hop_s": 0.6}, "--hop 0.6: windows of .* last 0.5 s; expected a hop of more than 0 and at most 0.5 s"),
        ({"overlap_s": 0.5}, "--overlap 0.5: windows of"),
        ({"overlap_s": -0.1}, "--overlap -0.1: windows of"),
        ({"labels": ("lod",)}, '--labels: "lod" is no label of .*; did you mean "loud"'),
        ({"place": Place(42, -71)}, "only birdnet knows what lives where"),
    ],
)
def test_options_that_do_not_fit_are_refused(hearing: Hearing, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Listener(replace(hearing, **changed))


def test_overlap_is_another_word_for_hop(hearing: Hearing) -> None:
    assert Listener(replace(hearing, overlap_s=0.1)).plan == Listener(replace(hearing, hop_s=0.4)).plan
    assert Listener(hearing).plan.hop_samples == 2000


def test_the_seal_changes_with_all_that_decides(hearing: Hearing) -> None:
    others = [
        *({"hop_s": 0.5}, {"min_confidence": 0.5}, {"most": 2}, {"labels": ("loud",)}, {"block_s": 30.0}),
    ]
    seals = {Listener(replace(hearing, **other)).plan.seal for other in others}  # type: ignore[arg-type]
    assert len(seals | {Listener(hearing).plan.seal}) == len(others) + 1


def test_a_recording_of_too_low_a_rate_is_refused(record: Record, hearing: Hearing) -> None:
    path = record(rate_hz=4000)
    (failure,) = Listener(hearing)(Task(str(path), path))
    assert isinstance(failure, Failure)
    assert "rate 4000 Hz, but the model was trained on audio of 8000 Hz and more" in failure.reason


@pytest.mark.parametrize(
    ("error", "message"),
    [(MemoryError(), "needs more memory"), (ZeroDivisionError("x"), "ZeroDivisionError: x; ple")],
)
def test_whatever_a_file_does_is_an_answer(
    record: Record, hearing: Hearing, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    listener = Listener(hearing)

    def fail(_features: object) -> None:
        raise error

    monkeypatch.setattr(listener._hearer, "probabilities", fail)
    (failure,) = listener(Task("a.wav", record("a.wav")))
    assert isinstance(failure, Failure)
    assert message in failure.reason


def test_a_frontend_that_takes_whole_sounds_is_refused() -> None:
    frontend = SimpleNamespace(spec=SimpleNamespace(native=True, name="measures"))
    bundle = SimpleNamespace(frontend=frontend, spec=None, folder="damage")
    with pytest.raises(ModelError, match=r'damage: frontend "measures" takes sounds at their own .* earmark check'):
        BundleHearer(cast("Bundle", bundle))


def test_what_is_no_model_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nor is it an encoder with classes of its own \(birdnet, mn04"):
        open_hearer(ModelChoice("birdnett"))
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        open_hearer(ModelChoice(tmp_path))
    for model in (bundle_folder, "yamnet"):
        with pytest.raises(ConfigError, match=r"--sensitivity: .* has none, only birdnet has"):
            open_hearer(ModelChoice(model, sensitivity=1.1))
