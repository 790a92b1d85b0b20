"""The shipped `digits` bundle on voices from packages that have nothing to do with its training.

    python -m benchmarks.unheard_digits

Fetches (Debian: `apt-get download`, unpacked without root; PyPI: `pip download`):
  people     Allison Smith's telephone prompts (asterisk-core-sounds-en-wav, 8 kHz); the voice of the audio captchas
             of the package captcha (0.7.1)
  synthetic  four voices of flite at three speeds, built from recordings of people, also under noise and in a room

Few voices, so this is a check that the bundle travels and no estimate of accuracy: the interval says how little
some 20 clips prove.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.digits_conditions import Degraded
from earmark.audio import Waveform, read_audio
from earmark.inference import Predictor

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PROMPTS = "usr/share/asterisk/sounds/en_US_f_Allison/digits"
VOICES = ("slt", "awb", "rms", "kal16")
SPEEDS = (0.85, 1.0, 1.25)
UNDER = (
    "as recorded",
    "telephone band",
    "room, RT60 0.7 s",
    "pink noise, 20 dB",
    "pink noise, 10 dB",
    "real noise, 10 dB",
)

Spoken = list[tuple[Path, int]]


def main() -> None:
    """Print accuracy on people, and on synthetic voices under conditions."""
    predictor = Predictor.load("digits")
    with tempfile.TemporaryDirectory() as folder:
        people, synthetic = real_voices(Path(folder)), flite_voices(Path(folder))
        for name, clips in (("people", people), ("flite voices", synthetic)):
            for condition in UNDER:
                right = sum(answer(predictor, path, condition) == digit for path, digit in clips)
                low = lower_limit(right, len(clips))
                print(
                    f"{name:14s} {condition:22s} {right:3d} of {len(clips):3d}, 95 % sure above {low:.3f}", flush=True
                )


def answer(predictor: Predictor, path: Path, condition: str) -> int:
    """Return the digit that the bundle hears under a condition."""
    sound = read_audio(path, rate_hz=16000, mono=True)
    heard = Degraded(condition)(sound.samples[0], 16000, path.name)
    return int(predictor.predict(Waveform(heard[np.newaxis], 16000)).label)


def lower_limit(n_right: int, n_clips: int) -> float:
    """Return the lower end of the one-sided 95 % interval of a share (Clopper & Pearson, 1934)."""
    from scipy.stats import beta

    return float(beta.ppf(0.05, n_right, n_clips - n_right + 1)) if n_right else 0.0


def real_voices(folder: Path) -> Spoken:
    """Fetch recordings of people saying digits."""
    unpack_debian("asterisk-core-sounds-en-wav", folder)
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "captcha==0.7.1", folder=folder)
    run(sys.executable, "-m", "zipfile", "-e", str(next(folder.glob("captcha-*.whl"))), "wheel", folder=folder)
    prompts = [(folder / PROMPTS / f"{digit}.wav", digit) for digit in range(10)]
    return prompts + [(folder / "wheel/captcha/data" / str(digit) / "default.wav", digit) for digit in range(10)]


def flite_voices(folder: Path) -> Spoken:
    """Let flite say every digit with four voices at three speeds."""
    for package in ("flite", "libflite1"):
        unpack_debian(package, folder)
    made = []
    for voice in VOICES:
        for speed in SPEEDS:
            for digit, word in enumerate(WORDS):
                path = folder / f"{voice}-{speed}-{digit}.wav"
                stretch = f"duration_stretch={1 / speed:.3f}"
                run("usr/bin/flite", "-voice", voice, "--setf", stretch, "-t", word, "-o", path.name, folder=folder)
                made.append((path, digit))
    return made


def unpack_debian(package: str, folder: Path) -> None:
    """Download a Debian package and unpack it, without installing it."""
    run("apt-get", "download", package, folder=folder)
    run("dpkg", "-x", next(folder.glob(f"{package}_*.deb")).name, ".", folder=folder)


def run(*command: str, folder: Path) -> None:
    """Run a command in a folder, with the libraries unpacked there."""
    libraries = ":".join(str(path.parent) for path in folder.glob("usr/lib/*/libflite.so.1"))
    environment = os.environ | {"LD_LIBRARY_PATH": libraries}
    program = str(folder / command[0]) if (folder / command[0]).exists() else command[0]
    subprocess.run([program, *command[1:]], cwd=folder, check=True, capture_output=True, env=environment)  # noqa: S603


if __name__ == "__main__":
    main()
