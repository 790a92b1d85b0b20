"""Write tests/golden/features/librosa.npz: what librosa says about short signals, for our frontends to be held to.

Run with librosa installed: ``python -m scripts.make_feature_goldens``.

The file holds, as arrays: ``about`` (JSON: versions and, for each case, the frontend and its options),
``signal/<name>`` (int16) with ``scale/<name>`` (a power of two: signal = int16 * scale, exact in float32) and
``<case>/<signal>`` (float32 (n_frames, n_coefficients), what librosa gives). The same samples serve at every rate.
"""

from __future__ import annotations

import json
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET = Path(__file__).parents[1] / "tests" / "golden" / "features" / "librosa.npz"
N_SAMPLES = 4000
DELTA_FRAMES = 9

CASES: dict[str, dict[str, Any]] = {
    "mfcc_8k_40": {"frontend": "mfcc", "rate_hz": 8000, "fft_samples": 512, "frame_hop_samples": 256},
    "mfcc_16k_13": {
        "frontend": "mfcc",
        "rate_hz": 16000,
        "fft_samples": 512,
        "frame_hop_samples": 160,
        "n_mels": 40,
        "n_mfcc": 13,
    },
    "mfcc_44k_htk_few_frames": {
        "frontend": "mfcc",
        "rate_hz": 44100,
        "fft_samples": 2048,
        "frame_hop_samples": 512,
        "n_mfcc": 13,
        "mel_scale": "htk",
        "deltas": 1,
    },
    "mfcc_16k_short_frames": {
        "frontend": "mfcc",
        "rate_hz": 16000,
        "fft_samples": 1024,
        "frame_samples": 400,
        "frame_hop_samples": 400,
        "n_mels": 64,
        "n_mfcc": 20,
        "deltas": 1,
        "fmin_hz": 50.0,
        "fmax_hz": 7000.0,
        "mel_scale": "htk",
        "mel_norm": "none",
    },
    "log_mel_16k": {"frontend": "log_mel", "rate_hz": 16000, "fft_samples": 1024, "frame_hop_samples": 400},
    "log_mel_8k": {
        "frontend": "log_mel",
        "rate_hz": 8000,
        "fft_samples": 256,
        "frame_hop_samples": 100,
        "n_mels": 40,
    },
    "log_mel_44k": {
        "frontend": "log_mel",
        "rate_hz": 44100,
        "fft_samples": 2048,
        "frame_hop_samples": 441,
        "n_mels": 64,
        "fmin_hz": 30.0,
        "fmax_hz": 16000.0,
    },
}


def synthetic_speech() -> NDArray[np.float64]:
    """Return a vowel that rises in pitch and opens, then stops: pulses through three resonances (8 kHz)."""
    rate_hz = 8000
    pitch_hz = np.linspace(110, 160, N_SAMPLES)
    phase = np.cumsum(pitch_hz / rate_hz)
    sound = np.diff(np.floor(phase), prepend=0.0)
    for first_hz, last_hz, width_hz in ((300, 730, 80), (2200, 1090, 110), (2900, 2440, 160)):
        radius = np.exp(-np.pi * width_hz / rate_hz)
        feedback = 2 * radius * np.cos(2 * np.pi * np.linspace(first_hz, last_hz, N_SAMPLES) / rate_hz)
        filtered = np.zeros(N_SAMPLES)
        for i in range(2, N_SAMPLES):
            filtered[i] = sound[i] + feedback[i] * filtered[i - 1] - radius**2 * filtered[i - 2]
        sound = filtered
    fade = np.interp(np.arange(N_SAMPLES), [0, 300, 3000, 3400, N_SAMPLES], [0, 1, 1, 0, 0])
    voiced: NDArray[np.float64] = fade * sound / np.abs(sound).max()
    return voiced


def signals() -> dict[str, tuple[NDArray[np.int16], float]]:
    """Return int16 samples and the power of two that scales them."""
    rng = np.random.default_rng(20261120)
    places = np.arange(N_SAMPLES)
    tone = np.sin(2 * np.pi * 0.055 * places)
    chirp = np.sin(2 * np.pi * (0.01 * places + 0.2 * places**2 / N_SAMPLES))
    full = {
        "tone": 0.9 * tone,
        "chirp": 0.7 * chirp,
        "noise": np.clip(0.2 * rng.standard_normal(N_SAMPLES), -1, 1),
        "impulse": (places == 1777).astype(float),
        "silence": np.zeros(N_SAMPLES),
        "speech": 0.8 * synthetic_speech(),
    }
    quantised = {name: (np.round(sound * 32767).astype(np.int16), 2.0**-15) for name, sound in full.items()}
    quiet = 0.5 * tone + 0.05 * np.clip(rng.standard_normal(N_SAMPLES), -4, 4)
    quantised["very_quiet"] = (np.round(quiet * 32767).astype(np.int16), 2.0**-32)  # about -110 dB
    return quantised


def reference(samples: NDArray[np.float32], case: dict[str, Any]) -> NDArray[np.float32]:
    """Return librosa's features, float32 (n_frames, n_coefficients)."""
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=case["rate_hz"],
        n_fft=case["fft_samples"],
        win_length=case.get("frame_samples"),
        hop_length=case["frame_hop_samples"],
        n_mels=case.get("n_mels", 128),
        fmin=case.get("fmin_hz", 0.0),
        fmax=case.get("fmax_hz"),
        htk=case.get("mel_scale") == "htk",
        norm=None if case.get("mel_norm") == "none" else "slaney",
    )
    levels_db = librosa.power_to_db(mel)
    if case["frontend"] == "log_mel":
        return np.ascontiguousarray(levels_db.T, dtype=np.float32)
    static = librosa.feature.mfcc(S=levels_db, n_mfcc=case.get("n_mfcc", 40))
    n_frames = static.shape[1]
    width = min(DELTA_FRAMES, n_frames - 1 + n_frames % 2)
    orders = range(1, case.get("deltas", 2) + 1)
    parts = [static, *(librosa.feature.delta(static, order=order, width=width) for order in orders)]
    return np.ascontiguousarray(np.concatenate(parts).T, dtype=np.float32)


def main() -> None:
    """Write the file and print its size."""
    warnings.simplefilter("error")
    versions = {"librosa": version("librosa"), "numpy": version("numpy"), "python": platform.python_version()}
    arrays: dict[str, NDArray[Any]] = {"about": np.array(json.dumps({"versions": versions, "cases": CASES}))}
    for name, (samples, scale) in signals().items():
        arrays[f"signal/{name}"] = samples
        arrays[f"scale/{name}"] = np.array(scale)
        for case_name, case in CASES.items():
            arrays[f"{case_name}/{name}"] = reference((samples * np.float64(scale)).astype(np.float32), case)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(TARGET, allow_pickle=False, **arrays)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB, {len(arrays)} arrays, {versions}")


if __name__ == "__main__":
    main()
