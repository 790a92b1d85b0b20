from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.cli.distort import part_faults
from earmark.core.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

RATE_HZ = 16_000


@pytest.fixture
def song(tmp_path: Path, rng: np.random.Generator) -> Path:
    times_s = np.arange(RATE_HZ) / RATE_HZ
    shared = 0.3 * np.sin(2 * np.pi * 220 * times_s) + 0.1 * rng.standard_normal(RATE_HZ)
    both = np.stack([shared, shared + 0.05 * rng.standard_normal(RATE_HZ)], axis=1)
    soundfile.write(tmp_path / "song.wav", both, RATE_HZ, subtype="PCM_24")
    return tmp_path / "song.wav"


def steps(run: Run, *arguments: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("distort", *arguments, "--json").stdout)["steps"]
    return found


def test_a_fault_is_put_in_and_told(run: Run, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.flac"
    lines = run("distort", song, out, "--type", "clipping", "--severity", "0.4").stdout.splitlines()
    assert lines[0].startswith("clipping: hard-clip  severity 0.40  share=")
    assert "mono loss" in lines[0]
    assert lines[1] == f"{out}: written"
    info = soundfile.info(out)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE_HZ, 2, RATE_HZ, "PCM_24")


@pytest.mark.parametrize(
    ("flags", "effect", "values"),
    [
        (["--level", "20%"], "hard-clip", {"share": 0.2}),
        (["--drive", 6], "hard-clip", {"drive_db": 6}),
        (["--type", "soft-clip", "--level", "0.3"], "soft-clip", {"share": 0.3}),
        (["--bitrate", 64, "--codec", "opus"], "opus", {"kbps": 64}),
        (["--bitrate", 64], "mp3", {"kbps": 64}),
        (["--snr", 10, "--noise", "pink"], "pink", {"snr_db": 10}),
        (["--noise", "bit_crush", "--set", "bits=6"], "bit-crush", {"bits": 6}),
        (["--curve", "telephone"], "telephone", {"strength": 1}),
        (["--type", "delay", "--set", "delay_ms=2.5", "--set", "channel=1"], "delay", {"delay_ms": 2.5, "channel": 1}),
        (["--type", "shelf", "--set", "side=low"], "shelf", {"side": "low"}),
        (["--type", "mp3", "--severity", "50%"], "mp3", {}),
    ],
)
def test_flags_say_what_and_how_much(
    flags: list[object], effect: str, values: dict[str, object], run: Run, song: Path, tmp_path: Path
) -> None:
    (step,) = steps(run, song, tmp_path / "out.wav", *flags)
    assert step["effect"] == effect
    parameters = step["parameters"]
    assert isinstance(parameters, dict)
    assert {name: parameters[name] for name in values} == {
        name: pytest.approx(value, abs=1e-3) if isinstance(value, float | int) else value
        for name, value in values.items()
    }


def test_faults_follow_behind_then(run: Run, song: Path, tmp_path: Path) -> None:
    flags = ["--snr", 20, "--then", "--codec", "mp3", "--bitrate", 96, "--then", "--type", "imbalance", "--seed", 5]
    found = steps(run, song, tmp_path / "out.wav", *flags)
    assert [step["effect"] for step in found] == ["white", "mp3", "imbalance"]
    assert found[0]["severity"] == pytest.approx(0.5, abs=1e-3)


def test_flags_for_all_faults_may_stand_anywhere() -> None:
    words = [
        "a",
        "b",
        "--snr",
        "3",
        "--then",
        "--type",
        "hum",
        "--seed",
        "4",
        "--then",
        "--json",
        "--seed=5",
        "--drive",
    ]
    assert part_faults(words) == (
        ["a", "b", "--snr", "3", "--seed", "4", "--json", "--seed=5"],
        [["--type", "hum"], ["--drive"]],
    )


def test_a_seed_decides_all_chance(run: Run, song: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        run("distort", song, tmp_path / f"{name}.wav", "--snr", 5, "--seed", seed)
    one, again, other = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("one", "again", "other"))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_noise_may_be_a_recording(run: Run, song: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    soundfile.write(tmp_path / "rain.wav", 0.1 * rng.standard_normal(800), 8000)
    (step,) = steps(run, song, tmp_path / "out.wav", "--noise", tmp_path / "rain.wav", "--snr", 10)
    assert (step["effect"], step["severity"]) == ("recording", pytest.approx(0.75, abs=1e-3))


def test_a_trace_and_a_lower_level_are_told(run: Run, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    assert "severity 0.10 (a trace)" in run("distort", song, out, "--type", "noise", "--severity", "10%").stdout
    loud = run("distort", song, out, "--type", "clicks", "--set", "level_db=20").stdout
    assert "so that nothing clips" in loud


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "found no fault, expected --type"),
        (["--snr", "3", "--then"], "found no fault, expected --type"),
        (["--type", "clipin"], '"clipin" is not known; did you mean "clipping"'),
        (["--snr", "3", "--bitrate", "64"], "found --bitrate and --snr, which are for different faults; put --then"),
        (["--type", "hum", "--bitrate", "64"], "found --bitrate, which is for compression, with --type hum"),
        (["--type", "opus", "--codec", "mp3"], "found --type opus with --codec mp3"),
        (["--codec", "mp4"], '--codec "mp4" is not known; did you mean "mp3"'),
        (["--noise", "rain.wav"], '--noise "rain.wav" is not known.*or a file with a recording'),
        (["--curve", "white"], '--curve "white" is not known'),
        (["--level", "loud"], '--level "loud": expected a share such as 0.2 or 20%'),
        (["--type", "noise", "--severity", "x"], '--severity "x": expected a share'),
        (["--type", "noise", "--severity", "40"], "found severity 40, expected 0 to 1"),
        (["--type", "tilt", "--set", "steep"], '--set "steep": expected NAME=VALUE'),
        (["--type", "tilt", "--set", "slope=3"], 'parameter "slope" is not known'),
        (["--snr", "3", "--severity", "0.4"], "found both a severity and how much"),
    ],
)
def test_a_wrong_command_line_is_explained(
    flags: list[str], message: str, run: Run, song: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        run("distort", song, tmp_path / "out.wav", *flags)
    assert not (tmp_path / "out.wav").exists()


def test_the_original_is_kept_and_losses_are_not_added(run: Run, song: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is the file to read"):
        run("distort", song, song, "--snr", 3)
    with pytest.raises(ConfigError, match=r"expected one without losses of its own \(.wav, .flac, .aiff, .aif\)"):
        run("distort", song, tmp_path / "out.mp3", "--snr", 3)


def test_a_stray_word_behind_then_is_a_wrong_command_line(run: Run, song: Path, tmp_path: Path) -> None:
    assert (
        "unexpected extra argument"
        in run("distort", song, tmp_path / "out.wav", "--snr", 3, "--then", "--type", "hum", "more", code=2).output
    )


def test_mono_has_no_faults_of_stereo(run: Run, loud: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="found 1 channel, expected 2"):
        run("distort", loud, tmp_path / "out.wav", "--type", "phase")


@pytest.mark.parametrize(("content", "message"), [(b"", "0 bytes"), (b"no sound at all", "no decoder takes")])
def test_what_is_no_sound_is_told(content: bytes, message: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(content)
    with pytest.raises(AudioError, match=message):
        run("distort", tmp_path / "broken.wav", tmp_path / "out.wav", "--snr", 3)


def test_what_is_written_from_a_lossy_or_float_file_has_a_fitting_subtype(run: Run, song: Path, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(song)
    soundfile.write(tmp_path / "float.wav", samples, rate_hz, subtype="FLOAT")
    soundfile.write(tmp_path / "lossy.ogg", samples, rate_hz)
    for source, target, subtype in (
        ("float.wav", "a.wav", "FLOAT"),
        ("float.wav", "a.flac", "PCM_16"),
        ("lossy.ogg", "b.wav", "PCM_16"),
    ):
        run("distort", tmp_path / source, tmp_path / target, "--snr", 20)
        assert soundfile.info(tmp_path / target).subtype == subtype
