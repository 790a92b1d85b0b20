"""A sound card that is not there: PulseAudio with a null sink, whose monitor ALSA's default device records.

    python -m scripts.virtual_sound_card earmark listen --list-devices

runs a command with such a card as its only one. What is played to the sink (`play`, or `paplay` with the same
environment) is what programs record. Everything lies in a folder of its own and ends with the block: no other sound
server is touched. Works as root too. Needs Debian's pulseaudio, pulseaudio-utils, libportaudio2 and libasound2-plugins.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SINK = "earmark"
START_S = 10.0
ALSA = """
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


class CardError(RuntimeError):
    """The sound server does not start."""


def missing() -> str:
    """Return why there can be no virtual sound card here, or nothing."""
    absent = [name for name in ("pulseaudio", "pactl", "paplay") if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)}; install pulseaudio and pulseaudio-utils"
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        return "no ALSA plugin for PulseAudio; install libasound2-plugins"
    return ""


@contextlib.contextmanager
def virtual_sound_card() -> Iterator[dict[str, str]]:
    """Start the card and give the environment in which programs find it.

    Raises:
        CardError: The sound server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="earmark-card-") as name:
        folder = Path(name)
        socket = folder / "native"
        (folder / ".asoundrc").write_text(ALSA)
        environment = os.environ | {
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "PULSE_RUNTIME_PATH": name,
            "PULSE_STATE_PATH": name,
            "PULSE_SERVER": f"unix:{socket}",
        }
        loads = (
            f"module-native-protocol-unix socket={socket} auth-anonymous=1",
            f"module-null-sink sink_name={SINK} rate=48000",
        )
        command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--log-level=error",
        ]
        command += [part for load in loads for part in ("--load", load)]
        server_environment = {key: value for key, value in environment.items() if key != "PULSE_SERVER"}
        server = subprocess.Popen(  # noqa: S603
            command, env=server_environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            _wait(server, environment)
            _pactl(environment, "set-default-sink", SINK)
            _pactl(environment, "set-default-source", f"{SINK}.monitor")
            yield environment
        finally:
            server.terminate()
            server.communicate(timeout=START_S)


def play(path: Path, environment: dict[str, str]) -> None:
    """Play a file to the sink, and return when it has ended."""
    command = ["paplay", "--device", SINK, str(path)]
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603


def _wait(server: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    until_s = time.monotonic() + START_S
    while _pactl(environment, "info") != 0:
        if server.poll() is not None or time.monotonic() > until_s:
            server.terminate()
            raise CardError(f"pulseaudio does not start: {server.communicate()[1].decode(errors='replace').strip()}")
        time.sleep(0.1)


def _pactl(environment: dict[str, str], *arguments: str) -> int:
    command = ["pactl", *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode  # noqa: S603


if __name__ == "__main__":
    if why := missing():
        sys.exit(f"virtual sound card: {why}")
    with virtual_sound_card() as card:
        sys.exit(subprocess.run(sys.argv[1:], env=card, check=False).returncode)  # noqa: S603
