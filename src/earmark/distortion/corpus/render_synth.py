"""Players of notes as processes: FluidSynth and TiMidity++ for MIDI, openmpt123 for tracker modules."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.audio import Waveform, read_audio
from earmark.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

# program -> Debian package
PROGRAMS = {
    "fluidsynth": "fluidsynth",
    "timidity": "timidity",
    "openmpt123": "openmpt123",
    "flite": "flite",
    "espeak-ng": "espeak-ng",
}
LIMIT_S = 600
MOST_MODULE_S = 200


def find_program(name: str) -> str:
    """Return the path of a program.

    Raises:
        DataError: It is not installed; the message has the line that installs it.
    """
    path = shutil.which(name)
    if path is None:
        raise DataError(
            f'the program "{name}" is not installed, which renders these sources; install it with: '
            f"apt-get install {PROGRAMS.get(name, name)} (or leave those sources out by name)"
        )
    return path


def run_program(command: Sequence[str], *, what: str) -> None:
    """Run a player to its end.

    Raises:
        DataError: It is not installed, fails, or takes longer than ten minutes.
    """
    command = [find_program(command[0]), *command[1:]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{what}: {Path(command[0]).name} did not finish within {LIMIT_S} s; leave it out") from error
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{what}: {Path(command[0]).name} failed ({last}); leave it out")


def render_midi(midi: bytes, soundfont: Path, rng: np.random.Generator, *, what: str) -> Waveform:
    """Return a MIDI file as it sounds on a soundfont, at 44.1 or 48 kHz, reverb and chorus drawn, never clipped.

    Raises:
        DataError: The player is missing or fails.
        AudioError: It wrote nothing that can be read.
    """
    rate_hz = int(rng.choice([44_100, 44_100, 44_100, 48_000]))
    wet, chorus = int(rng.random() < 0.6), int(rng.random() < 0.4)
    room, level = rng.uniform(0.2, 0.85), rng.uniform(0.2, 0.8)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.mid", Path(folder) / "out.wav"
        source.write_bytes(midi)
        command: list[str]
        if soundfont.suffix == ".cfg":
            settings = Path(folder) / "timidity.cfg"
            settings.write_text(_timidity_settings(soundfont), encoding="utf-8")
            effects = ["-EFreverb=" + ("G" if wet else "d"), "-EFchorus=" + ("n" if chorus else "d")]
            # -A is the amplification in per cent: soft enough that nothing overflows.
            command = ["timidity", "-c", str(settings), "-s", str(rate_hz), "-A", "35", "--output-24bit", *effects]
            command += ["-Ow", "-o", str(target), str(source)]
        else:
            command = ["fluidsynth", "-ni", "-q", "-g", "0.2", "-r", str(rate_hz), "-R", str(wet), "-C", str(chorus)]
            command += ["-o", f"synth.reverb.room-size={room:.3f}", "-o", f"synth.reverb.level={level:.3f}"]
            command += ["-T", "wav", "-O", "float", "-F", str(target), str(soundfont), str(source)]
        run_program(command, what=what)
        return read_audio(target)


def _timidity_settings(original: Path) -> str:
    """Return the settings with the folder of the patches where they were unpacked."""
    patches = next((path for path in original.parents[2].rglob("freepats") if (path / "Tone_000").is_dir()), None)
    if patches is None:
        raise DataError(f"{original}: found no folder freepats/Tone_000 beside it; fetch the package freepats again")
    lines = original.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"dir {patches}", *(line for line in lines if not line.startswith("dir "))]) + "\n"


def render_module(module: bytes, name: str, rng: np.random.Generator) -> Waveform:
    """Return a tracker module as libopenmpt plays it, at most its first 200 s.

    Raises:
        DataError: The player is missing or fails.
        AudioError: It wrote nothing that can be read.
    """
    rate_hz = int(rng.choice([44_100, 44_100, 48_000]))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"in{Path(name).suffix}"
        source.write_bytes(module)
        separation = str(int(rng.choice([40, 70, 100])))  # Amiga modules are hard left and right
        command = ["openmpt123", "--quiet", "--render", "--output-type", "wav", "--float", "--gain", "-12"]
        command += ["--samplerate", str(rate_hz), "--stereo", separation, "--end-time", str(MOST_MODULE_S), str(source)]
        run_program(command, what=name)
        return read_audio(source.with_name(source.name + ".wav"))
