"""Write tests/golden/encoders/audioset.npz: what the makers' code says of fixed sounds with random weights.

PANNs: the wheels panns_inference 0.1.1 (Cnn14) and torchlibrosa 0.1.0 (log-mel, and librosa's in double precision).
The other networks are in no package; they are written out below with torch.nn.functional, after `pytorch/models.py` of
audioset_tagging_cnn and `models/mn/model.py` of EfficientAT, and the same lines have to give what the real Cnn14 gives.
EfficientAT's log-mel: `AugmentMelSTFT` in models/preprocess.py with torch.stft, and the mel banks of
`torchaudio.compliance.kaldi.get_mel_banks` by their formula, in double precision.

The weights come from `earmark.encoders.random_weights`, so only what comes out is kept.
Run it again only when a network is added (it needs an index such as PyPI): python -m scripts.make_audioset_goldens
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from earmark.core.files import replacing
from earmark.encoders.efficientat_graph import FIRST_LAYER_BLOCK, N_RELU_BLOCKS, STRIDES
from earmark.encoders.graph_builder import Weights
from earmark.encoders.panns_graph import HALVING, panns_graph
from earmark.encoders.random_weights import efficientat_weights, panns_weights
from earmark.encoders.session import OnnxGraph
from earmark.features.panns_mel import panns_log_mel

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "encoders" / "audioset.npz"
REQUIREMENTS = ("panns_inference==0.1.1", "torchlibrosa==0.1.0")
RATE_HZ = 32000
N_SAMPLES = 19333  # 61 frames: odd, and enough for five halvings
SEED = 5
WIDTHS = {"mn04": 0.4, "mn10": 1.0}
# Divisors of the number of channels: tests have no time for the 80 million weights of Cnn14, which are tried here.
PANNS = {"cnn14": 4, "cnn10": 1, "cnn6": 1, "mobilenetv1": 1}


def sounds() -> NDArray[np.int16]:
    """Return int16 (2, n_samples): a glide with overtones that fades in, and noise that comes and goes."""
    times_s = np.arange(N_SAMPLES) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(300 + 900 * times_s) / RATE_HZ
    glide = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.minimum(1, 4 * times_s)
    noise = np.random.default_rng(3).normal(size=N_SAMPLES) * np.sin(2 * np.pi * 3 * times_s) ** 2
    return np.round(np.stack([0.2 * glide, 0.05 * noise]) * 32767).astype(np.int16)


def import_makers_code(folder: str) -> Any:
    """Return the module panns_inference.models; the package's own door downloads weights, so it is passed by."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *REQUIREMENTS]
    subprocess.run(command, check=True)  # noqa: S603 - the command is written above
    wheels = sorted(str(path) for path in Path(folder).glob("*.whl"))
    sys.path[:0] = wheels
    door = types.ModuleType("panns_inference")
    door.__path__ = [f"{wheel}/panns_inference" for wheel in wheels]
    sys.modules["panns_inference"] = door
    return importlib.import_module("panns_inference.models")


class Reference:
    """A network written out with torch.nn.functional, from tensors by their official names."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]], epsilon: float) -> None:
        self.tensors = {name: torch.from_numpy(values) for name, values in tensors.items()}
        self._epsilon = epsilon

    def conv(self, x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        """Convolve without bias; a filter that sees one channel of many is depthwise."""
        weight = self.tensors[f"{name}.weight"]
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2, groups=groups)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Apply a batch norm in use."""
        order = ("running_mean", "running_var", "weight", "bias")
        mean, variance, gain, bias = (self.tensors[f"{name}.{part}"] for part in order)
        return F.batch_norm(x, mean, variance, gain, bias, eps=self._epsilon)

    def dense(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Apply a dense layer."""
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])


def panns(tensors: dict[str, NDArray[np.float32]], log_mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return embedding and scores of log_mel (n, 1, n_frames, 64)."""
    network = Reference(tensors, 1e-5)
    x = network.norm(log_mel.transpose(1, 3), "bn0").transpose(1, 3)
    for number in range(1, 7):
        for layer in (1, 2):
            if f"conv_block{number}.conv{layer}.weight" in tensors:
                name = f"conv_block{number}"
                x = F.relu(network.norm(network.conv(x, f"{name}.conv{layer}"), f"{name}.bn{layer}"))
        if f"conv_block{number}.conv1.weight" in tensors and number < 6:
            x = F.avg_pool2d(x, 2)
    for number in range(14):
        if f"features.{number}.0.weight" in tensors:
            name = f"features.{number}"
            x = F.avg_pool2d(network.conv(x, f"{name}.0"), 2 if number in HALVING else 1)
            x = F.relu(network.norm(x, f"{name}.2"))
            if number:
                x = F.relu(network.norm(network.conv(x, f"{name}.4"), f"{name}.5"))
    x = x.mean(dim=3)
    embedding = F.relu(network.dense(x.amax(dim=2) + x.mean(dim=2), "fc1"))
    return embedding, torch.sigmoid(network.dense(embedding, "fc_audioset"))


def efficientat(tensors: dict[str, NDArray[np.float32]], mel: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return embedding, layers and scores of mel (n, 1, 128, n_frames)."""
    network = Reference(tensors, 1e-3)
    x = F.hardswish(network.norm(network.conv(mel, "features.0.0", 2), "features.0.1"))
    layers = []
    for number, stride in enumerate(STRIDES, start=1):
        prefix, part, came_in = f"features.{number}.block", 0, x
        activate = F.relu if number <= N_RELU_BLOCKS else F.hardswish
        steps = 1 + (tensors[f"{prefix}.0.0.weight"].shape[2] == 1)
        for step in range(steps):
            x = network.conv(x, f"{prefix}.{part}.0", stride if step == steps - 1 else 1)
            x = activate(network.norm(x, f"{prefix}.{part}.1"))
            part += 1
        gate = f"{prefix}.{part}.conc_se_layers.0"
        if f"{gate}.fc1.weight" in tensors:
            weight = torch.sigmoid(network.dense(F.relu(network.dense(x.mean((2, 3)), f"{gate}.fc1")), f"{gate}.fc2"))
            x = x * weight[:, :, None, None]
            part += 1
            if number >= FIRST_LAYER_BLOCK:
                layers.append(x.mean((2, 3)))
        x = network.norm(network.conv(x, f"{prefix}.{part}.0"), f"{prefix}.{part}.1")
        if stride == 1 and x.shape == came_in.shape:
            x = x + came_in
    last = len(STRIDES) + 1
    x = F.hardswish(network.norm(network.conv(x, f"features.{last}.0"), f"features.{last}.1"))
    embedding = x.mean((2, 3))
    scores = torch.sigmoid(network.dense(F.hardswish(network.dense(embedding, "classifier.2")), "classifier.5"))
    return embedding, torch.cat([*layers, embedding], dim=1), scores


def kaldi_mel(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return EfficientAT's log-mel (n, 128, n_frames) in double precision."""
    x = F.conv1d(torch.from_numpy(samples)[:, None], torch.tensor([[[-0.97, 1.0]]], dtype=torch.float64))[:, 0]
    window = torch.hann_window(800, periodic=False, dtype=torch.float64)
    spectrum = torch.stft(x, 1024, hop_length=320, win_length=800, window=window, center=True, return_complex=True)
    power = spectrum.abs().numpy() ** 2
    bins = 1127.0 * np.log(1.0 + np.arange(512) * (RATE_HZ / 1024) / 700.0)
    top = 1127.0 * np.log(1.0 + 15000.0 / 700.0)
    banks = np.zeros((128, 513))
    for band in range(128):
        left, centre, right = (top / 129 * (band + step) for step in range(3))
        up, down = (bins - left) / (centre - left), (right - bins) / (right - centre)
        banks[band, :512] = np.maximum(0.0, np.minimum(up, down))
    return np.asarray((np.log(banks @ power + 1e-5) + 4.5) / 5, dtype=np.float64)


def panns_mel(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return torchlibrosa's log-mel (n, n_frames, 64) by librosa, whose output it reproduces, in double precision."""
    filters = librosa.filters.mel(sr=RATE_HZ, n_fft=1024, n_mels=64, fmin=50, fmax=14000, dtype=np.float64)
    spectrum = librosa.stft(samples, n_fft=1024, hop_length=320, window="hann", center=True, pad_mode="reflect")
    power = np.abs(spectrum) ** 2
    return np.asarray(10 * np.log10(np.maximum(filters @ power, 1e-10)).swapaxes(1, 2), dtype=np.float64)


def check_against_real_cnn14(real: Any, waves: torch.Tensor, log_mel: torch.Tensor) -> None:
    """Hold the lines above, and earmark's graph from samples on, to the makers' Cnn14 of official size."""
    tensors = panns_weights(np.random.default_rng(SEED), "cnn14")
    real.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()}, strict=False)
    said = real(waves)
    embedding, scores = panns(tensors, log_mel)
    torch.testing.assert_close(embedding, said["embedding"], rtol=0, atol=2e-5)
    torch.testing.assert_close(scores, said["clipwise_output"], rtol=0, atol=1e-5)
    graph = OnnxGraph(panns_graph(Weights(tensors, "random"), dim=2048))
    ours = graph.run(panns_log_mel(waves.numpy()), "embedding", "scores")
    for mine, key in zip(ours, ("embedding", "clipwise_output"), strict=True):
        difference = float(np.abs(mine - said[key].numpy()).max())
        print(f"Cnn14 of official size, {key}: earmark and panns_inference differ by at most {difference:.1e}")
        if difference > 1e-4:
            raise SystemExit("that is too much")


def main() -> None:
    """Run all networks on the sounds and write what they say."""
    samples = sounds()
    waveforms = samples / 32768
    found: dict[str, NDArray[Any]] = {"samples": samples, "kaldi_mel": kaldi_mel(waveforms).astype(np.float32)}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        models = import_makers_code(folder)
        real = models.Cnn14(RATE_HZ, 1024, 320, 64, 50, 14000, 527).eval()
        waves = torch.from_numpy(waveforms.astype(np.float32))
        log_mel = real.logmel_extractor(real.spectrogram_extractor(waves))
        found |= {"panns_mel": panns_mel(waveforms).astype(np.float32), "torchlibrosa_mel": log_mel[:, 0].numpy()}
        check_against_real_cnn14(real, waves, log_mel)
        for name, narrower in PANNS.items():
            embedding, scores = panns(panns_weights(np.random.default_rng(SEED), name, narrower=narrower), log_mel)
            found |= {f"{name}_embedding": embedding.numpy(), f"{name}_scores": scores.numpy()}
        mel = torch.from_numpy(found["kaldi_mel"])[:, None]
        for name, width in WIDTHS.items():
            parts = efficientat(efficientat_weights(np.random.default_rng(SEED), width=width), mel)
            for key, value in zip(("embedding", "layers", "scores"), parts, strict=True):
                found[f"{name}_{key}"] = value.numpy()
    with replacing(GOLDEN) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **found)
    for key, values in found.items():
        print(f"{key:<24} {values.shape!s:<14} {values.min():9.3f} to {values.max():9.3f}")


if __name__ == "__main__":
    main()
