"""`earmark listen` on streams of spoken digits of people that the model never heard, and on other sound.

    python -m benchmarks.live_digits                            as fast as it goes, 60 digits of each of 6 speakers
    python -m benchmarks.live_digits --vad energy --digits 100
    python -m benchmarks.live_digits --card 60                  also through a virtual sound card, in real time

For each speaker of fsdd a bundle is trained as the shipped one, without that speaker, and without half of the other
sounds: its refusal learns from every second synthetic voice and from the folds 1 to 3 of esc50. Heard are digits of
that speaker between pauses, with pink noise at a ratio to their mean level, then other voices saying the words of
Google's Speech Commands that are no digits, and ten minutes of esc50's folds 4 and 5. Bundles are kept in --bundles.

Needs fsdd and esc50 in EARMARK_DATA_DIR and the extra "demo"; --card needs what scripts.virtual_sound_card does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from benchmarks.digits_stream import RATE_HZ, Said, digit_stream, noise_stream, word_stream
from earmark.data import load_dataset
from earmark.data.digit_voices import voices
from earmark.features import default_store
from earmark.inference.live import Listener, ListenOptions, load_judge
from earmark.models import load_bundle
from earmark.training import (
    TrainingOptions,
    add_rejection,
    fit_rejection,
    prepare,
    prepare_others,
    save_trained,
    train,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from earmark.data import Dataset

SLACK_S = 0.3  # a detector may see a word begin a little earlier or end a little later
BLOCK_SAMPLES = 320
RATIOS_DB = (None, 20.0, 10.0)
LEARNT_FOLDS = {"fold1", "fold2", "fold3"}
NOISE_S = 600.0


@dataclass
class Score:
    """What became of the words in a stream."""

    n_said: int = 0
    n_right: int = 0
    n_wrong: int = 0
    n_extra: int = 0
    heard_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, said: list[Said], answers: list[dict[str, Any]], duration_s: float) -> None:
        """Match answers to what was said: the first answer within a word counts, any other is extra."""
        answered: set[int] = set()
        for answer in answers:
            hit = [i for i, word in enumerate(said) if _overlap(word, answer)]
            if not hit or hit[0] in answered:
                self.n_extra += 1
                continue
            answered.add(hit[0])
            right = said[hit[0]].label == answer["label"]
            self.n_right += right
            self.n_wrong += not right
            if answer.get("latency_ms") is not None:
                self.latencies_ms.append(answer["latency_ms"])
        self.n_said += len(said)
        self.heard_s += duration_s

    def __str__(self) -> str:
        missed = self.n_said - self.n_right - self.n_wrong
        text = (
            f"{self.n_right / self.n_said:6.1%} right of {self.n_said}, {self.n_wrong} wrong, {missed} missed, "
            f"{self.n_extra / self.heard_s * 60:.2f} extra a minute"
        )
        if self.latencies_ms:
            p95_ms = np.percentile(self.latencies_ms, 95)
            text += f"; latency mean {np.mean(self.latencies_ms):.0f}, p95 {p95_ms:.0f} ms"
        return text


def _overlap(word: Said, answer: dict[str, Any]) -> bool:
    return bool(answer["start_s"] < word.end_s + SLACK_S and answer["end_s"] > word.start_s - SLACK_S)


def main() -> None:
    """Print one row per condition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, default=60, help="of each speaker and condition")
    parser.add_argument("--speakers", default="", help="comma-separated; default: all")
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--hangover-ms", type=float, default=ListenOptions().hangover_ms)
    parser.add_argument("--lead-ms", type=float, default=ListenOptions().lead_ms)
    parser.add_argument("--bundles", type=Path, default=Path(tempfile.gettempdir()) / "earmark-live-digits")
    parser.add_argument("--card", type=int, default=0, help="digits to play through a virtual sound card")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    options = ListenOptions(vad=arguments.vad, hangover_ms=arguments.hangover_ms, lead_ms=arguments.lead_ms)
    dataset = load_dataset("fsdd")
    speakers = arguments.speakers.split(",") if arguments.speakers else sorted(set(dataset.groups.tolist()))
    bundles = {speaker: bundle_without(speaker, dataset, arguments.bundles, arguments.workers) for speaker in speakers}
    for ratio_db in RATIOS_DB:
        spoken(dataset, bundles, options, ratio_db, arguments.digits)
    others(bundles, options)
    if arguments.card:
        through_card(dataset, bundles, options, arguments.card)


def spoken(
    dataset: Dataset, bundles: dict[str, Path], options: ListenOptions, ratio_db: float | None, n_digits: int
) -> None:
    """Score digits of unseen speakers at one ratio to noise."""
    total = Score()
    for speaker, bundle in bundles.items():
        own = Score()
        stream, said = digit_stream(dataset, speaker, n_digits, ratio_db)
        answers = hear(bundle, stream, options)
        for score in (own, total):
            score.add(said, answers, len(stream) / RATE_HZ)
        print(f"  {speaker:10s} {own}", flush=True)
    name = "clean" if ratio_db is None else f"{ratio_db:.0f} dB"
    print(f"{name:12s} {total}", flush=True)


def others(bundles: dict[str, Path], options: ListenOptions) -> None:
    """Count answers to what is no digit."""
    noise = noise_stream(load_dataset("esc50").where(lambda clip: clip.fold not in LEARNT_FOLDS), NOISE_S)
    words, n_words = word_stream(voices()[1::2])
    n_noise = [len(hear(bundle, noise, options)) for bundle in bundles.values()]
    n_let = [len(hear(bundle, words, options)) for bundle in bundles.values()]
    minutes = len(noise) / RATE_HZ / 60
    print(f"esc50: {np.mean(n_noise) / minutes:.2f} answers a minute in {minutes:.0f} min ({n_noise} by bundle)")
    print(f"other words: {np.mean(n_let) / n_words:.1%} of {n_words} answered ({n_let} by bundle)", flush=True)


def hear(bundle: Path, stream: NDArray[np.float32], options: ListenOptions) -> list[dict[str, Any]]:
    """Return the answers for a stream, each with its latency if it had been live."""
    listener = Listener(load_judge(bundle), RATE_HZ, options)
    answers = []
    for first in range(0, len(stream), BLOCK_SAMPLES):
        began_s = time.perf_counter()
        for emission in listener.push(stream[first : first + BLOCK_SAMPLES]):
            pause_s = listener.heard_s - emission.end_s - options.hangover_ms / 1000
            late_ms = (time.perf_counter() - began_s + pause_s) * 1000
            answers.append(emission.to_dict() | {"latency_ms": late_ms})
    return answers + [emission.to_dict() for emission in listener.finish()]


def bundle_without(speaker: str, dataset: Dataset, folder: Path, workers: int) -> Path:
    """Return the bundle of everybody else, trained as the shipped one unless it is there."""
    target = folder / speaker
    if (target / "bundle.json").is_file():
        return target
    began_s = time.monotonic()
    shipped = load_bundle("digits").spec
    options = TrainingOptions.model_validate(shipped.provenance["options"] | {"workers": workers})
    store = default_store()
    material = prepare(dataset.where(lambda clip: clip.group != speaker), options, store=store)
    trained = train(material, options, "cv")
    bundle = save_trained(trained, target.with_name(f".{speaker}"), speaker)
    others = prepare_others(material, options, list(learnt_sounds()), store=store)
    fitted = fit_rejection(material, options, others, goal=shipped.rejection.goal if shipped.rejection else 0.98)
    add_rejection(bundle, fitted, others.features)
    bundle.folder.rename(target)
    print(f"trained without {speaker} in {time.monotonic() - began_s:.0f} s; refusal {fitted.part.metrics}", flush=True)
    return target


def learnt_sounds() -> Iterable[Dataset]:
    """Yield the half of the other sounds that is learned from."""
    learnt = set(voices()[::2])
    yield load_dataset("words-espeak").where(lambda clip: clip.group in learnt)
    yield load_dataset("esc50").where(lambda clip: clip.fold in LEARNT_FOLDS)


def through_card(dataset: Dataset, bundles: dict[str, Path], options: ListenOptions, n_digits: int) -> None:
    """Play digits to a virtual sound card and let `earmark listen` record them, in real time."""
    from scripts.virtual_sound_card import play, virtual_sound_card

    total = Score()
    for speaker, bundle in bundles.items():
        stream, said = digit_stream(dataset, speaker, -(-n_digits // len(bundles)), None)
        with tempfile.TemporaryDirectory() as folder, virtual_sound_card() as card:
            path = Path(folder) / "stream.wav"
            soundfile.write(path, stream, RATE_HZ)
            command = [str(Path(sys.executable).with_name("earmark")), "listen", "--json", "--model", str(bundle)]
            command += ["--vad", options.vad, "--duration", f"{len(stream) / RATE_HZ + 5:.1f}"]
            listening = subprocess.Popen(  # noqa: S603
                command, env=card, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            if listening.stderr is not None:
                listening.stderr.readline()  # it says so when it listens
            time.sleep(1.0)
            play(path, card)
            rows = [json.loads(line) for line in listening.communicate()[0].splitlines()]
        answers = [row for row in rows if row["event"] == "emission"]
        total.add(shifted(said, answers), answers, len(stream) / RATE_HZ)
        end = rows[-1]
        print(f"  {speaker:10s} {end['n_overruns']} overruns, {end['dropped_s']} s dropped", flush=True)
    print(f"sound card   {total}", flush=True)


def shifted(said: list[Said], answers: list[dict[str, Any]]) -> list[Said]:
    """Return what was said at the times of the recording, which began some time before: where most answers fit."""
    starts = np.array([answer["start_s"] for answer in answers])
    first = np.array([word.start_s for word in said])
    delays_s = np.arange(0, 5, 0.02)
    fits = [(np.abs(starts[:, None] - first - delay).min(axis=1) < SLACK_S / 2).sum() for delay in delays_s]
    delay_s = float(np.mean(delays_s[np.array(fits) == max(fits)])) if len(starts) else 0.0
    return [Said(word.label, word.start_s + delay_s, word.end_s + delay_s) for word in said]


if __name__ == "__main__":
    main()
