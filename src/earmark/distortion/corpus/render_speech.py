"""Speech: synthesiser voices that read sentences of our own, and spoken prompts one after the other."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import Waveform, read_audio
from earmark.core.errors import DataError
from earmark.distortion.corpus.render_synth import run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

SENTENCES = (
    "The ferry to the islands leaves at a quarter past seven, and the captain waits for nobody.",
    "Put the kettle on, slice the bread, and tell me what you heard on the wireless this morning.",
    "Forty-two geese crossed the frozen lake while the children counted them aloud.",
    "Please check the third microphone again: there is a crackle whenever the bassist stands up.",
    "A quick sketch is often better than a careful plan, provided that you throw it away afterwards.",
    "She sells seven silver spoons each Saturday, and six of them are usually scratched.",
    "The valley was quiet, apart from the stream, two dogs, and a distant chain saw.",
    "We measured the depth of the well with a stone and a watch, and were wrong by a metre.",
    "Next stop: the old harbour. Passengers for the museum should change here.",
    "If the fuse blows twice, do not replace it a third time before you have found the reason.",
    "My grandmother kept a diary of the weather for sixty years, and never once mentioned the war.",
    "Thunder rolled over the orchard, and every apple that was ripe came down at once.",
    "Jacques judged the vowels, Kathleen judged the rhythm, and both of them enjoyed the pudding.",
    "Nobody had told the pianist that the hall would be heated by a large and noisy fan.",
    "Five hundred and thirteen books were counted, dusted, and put back in the wrong order.",
    "Could you repeat the last number, please? I wrote down eight, zero, nine, four, six.",
    "The glass maker blew a bubble as thin as paper, turned it twice, and let it sing.",
    "Rain fell on the tin roof all night, so that we shouted to each other across the table.",
    "It is easier to hear a fault than to name it, and easier to name it than to mend it.",
    "Their train arrived early, which surprised the station master more than anyone.",
)


def speak(program: str, voice: str, rng: np.random.Generator, *, duration_s: float) -> Waveform:
    """Return drawn sentences read by a voice at a drawn speed and pitch, at the synthesiser's own rate.

    Args:
        program: "flite" or "espeak-ng".
        voice: A name that the program knows.
        rng: Draws sentences, speed and pitch.
        duration_s: About how long; fifteen characters take a second.

    Raises:
        DataError: The program is missing or fails.
    """
    order = rng.permutation(len(SENTENCES))
    n_wanted = max(1, round(duration_s * 15 / 85))
    text = " ".join(SENTENCES[index] for index in order[:n_wanted])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.wav"
        if program == "flite":
            stretch, pitch_hz = rng.uniform(0.9, 1.2), rng.uniform(85, 140)
            options = ["-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
            options += [] if voice == "awb" else ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
            run_program(["flite", *options, "-t", text, "-o", str(target)], what=f"voice {voice}")
        else:
            speed, pitch = int(rng.integers(130, 190)), int(rng.integers(30, 70))
            options = ["-v", voice, "-s", str(speed), "-p", str(pitch)]
            run_program(["espeak-ng", *options, "-w", str(target), text], what=f"voice {voice}")
        return read_audio(target)


def string_prompts(files: Sequence[Path], rng: np.random.Generator, *, duration_s: float) -> Waveform:
    """Return spoken prompts one after the other with pauses of 0.2-0.7 s between them.

    Raises:
        DataError: There is no file, or they differ in rate.
        AudioError: A file cannot be read.
    """
    pieces: list[np.ndarray] = []
    rate_hz, total_s = 0, 0.0
    for path in files:
        wave = read_audio(path, mono=True)
        if rate_hz not in (0, wave.rate_hz):
            raise DataError(f"{path}: found {wave.rate_hz} Hz, expected {rate_hz} Hz as the prompts before it")
        rate_hz = wave.rate_hz
        pieces += [wave.samples[0], np.zeros(int(rng.uniform(0.2, 0.7) * rate_hz), dtype=np.float32)]
        total_s += (len(pieces[-1]) + len(pieces[-2])) / rate_hz
        if total_s > duration_s:
            break
    if not pieces:
        raise DataError("found no prompts, expected wav files; fetch the package again")
    return Waveform(np.concatenate(pieces)[None], rate_hz)
