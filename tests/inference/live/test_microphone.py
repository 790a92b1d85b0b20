"""The microphone where there is a (virtual) sound card; elsewhere what it says about what is missing."""

from __future__ import annotations

import builtins
import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soundfile

from earmark.core.errors import AudioError, MissingExtraError
from earmark.inference.live.microphone import Microphone, load_sounddevice
from scripts.virtual_sound_card import missing, play, virtual_sound_card
from tests.inference.live.conftest import STREAM_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the import of sounddevice fail as it does where it or PortAudio is missing."""
    before = builtins.__import__

    def importing(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "sounddevice":
            raise error
        return before(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.setattr(importlib, "import_module", importing)


def test_without_the_package_the_error_is_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, ModuleNotFoundError("No module named 'sounddevice'", name="sounddevice"))
    with pytest.raises(MissingExtraError, match=r"needs the package sounddevice; .*pip install 'earmark\[live\]'"):
        Microphone()


def test_without_portaudio_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, OSError("PortAudio library not found"))
    with pytest.raises(AudioError, match="apt-get install libportaudio2"):
        load_sounddevice()


needs_card = pytest.mark.skipif(
    bool(missing()) or importlib.util.find_spec("sounddevice") is None,
    reason=f"no virtual sound card: {missing() or 'sounddevice is not installed'}",
)


@needs_card
def test_what_is_played_to_a_sound_card_is_heard(
    two_tones: NDArray[np.float32], bundle_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tones.wav"
    soundfile.write(path, two_tones, STREAM_HZ)
    earmark = str(Path(sys.executable).with_name("earmark"))
    options = ["--model", str(bundle_folder), "--vad", "energy", "--conf-thresh", "0", "--duration", "60", "--json"]
    with virtual_sound_card() as card:
        listening = subprocess.Popen(
            [earmark, "listen", *options], env=card, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            assert listening.stderr is not None
            assert listening.stdout is not None
            assert "listens to default" in listening.stderr.readline()
            player = threading.Timer(2.0, play, (path, card))  # the detector needs some silence first
            player.start()
            answers = [json.loads(listening.stdout.readline()) for _ in range(2)]
            player.join()
        finally:
            listening.kill()
            listening.communicate()
    assert [answer["label"] for answer in answers] == ["loud", "quiet"]
    assert answers[1]["start_s"] - answers[0]["start_s"] == pytest.approx(1.5, abs=0.1)
    assert all(answer["latency_ms"] > 0 for answer in answers)


@needs_card
def test_sound_cards_are_listed() -> None:
    earmark = str(Path(sys.executable).with_name("earmark"))
    with virtual_sound_card() as card:
        command = [earmark, "listen", "--list-devices", "--json"]
        told = subprocess.run(command, env=card, check=True, capture_output=True, text=True).stdout
        unknown = [earmark, "listen", "--device", "nothing"]
        refused = subprocess.run(unknown, env=card, check=False, capture_output=True, text=True)
    devices = [json.loads(line) for line in told.splitlines()]
    assert "default" in {device["name"] for device in devices}
    assert sum(device["is_default"] for device in devices) == 1
    assert refused.returncode == 2
    assert '--device "nothing": no sound card is called so' in refused.stderr
