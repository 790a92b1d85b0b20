"""A small network of BirdNET's structure, so that what folds and runs it is tested without BirdNET's weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.encoders.birdnet_fold import BRANCHES, EMBEDDING, IMAGE
from earmark.encoders.tflite_write import TfliteWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray


def hann(n_samples: int) -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples)).astype(np.float32)


@dataclass(frozen=True)
class SmallBirdNet:
    """Front end like BirdNET's, body a mean over the image, a head on the two numbers that gives."""

    n_samples: int = 4000
    n_mels: int = 6
    n_classes: int = 5
    lengths: tuple[int, int] = (512, 256)
    hops: tuple[int, int] = (70, 75)
    exponents: tuple[float, float] = (0.23, 0.19)
    changed: dict[str, NDArray[Any]] = field(default_factory=dict)

    def filters(self, place: int) -> NDArray[np.float32]:
        shape = self.n_mels, self.lengths[place] // 2 + 1
        return np.random.default_rng(place).uniform(0, 1, shape).astype(np.float32)

    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng(3)
        shape = self.n_classes, 2
        return rng.standard_normal(shape).astype(np.float32), rng.standard_normal(self.n_classes).astype(np.float32)

    def content(self) -> bytes:
        """Return the file: the tensors that the folding reads, and the body."""
        constants: dict[str, NDArray[Any]] = {
            f"{BRANCHES[0]}/add/y": np.array(1e-6, np.float32),
            f"{BRANCHES[0]}/Sub_1/y": np.array(0.5, np.float32),
            f"{BRANCHES[0]}/Mul/y": np.array(2.0, np.float32),
        }
        for place, branch in enumerate(BRANCHES):
            constants |= {
                f"{branch}/stft/hann_window/sub_2": hann(self.lengths[place]),
                f"{branch}/stft/frame_step": np.array(self.hops[place], np.int32),
                f"{branch}/Tensordot/MatMul": self.filters(place),
                f"{branch}/truediv_1": np.array(self.exponents[place], np.float32),
            }
        writer = TfliteWriter()
        source = writer.tensor("INPUT", (1, self.n_samples))
        for name, value in (constants | self.changed).items():
            writer.constant(name, value)
        image = writer.tensor(IMAGE, (1, self.n_mels, 1, 2))
        axes = writer.constant("axes", np.array([1, 2], np.int32))
        mean = writer.operator("MEAN", [image, axes], EMBEDDING, (1, 2))
        matrix, bias = self.head()
        inputs = [mean, writer.constant("matrix", matrix), writer.constant("bias", bias)]
        last = writer.operator("FULLY_CONNECTED", inputs, "logits", (1, self.n_classes))
        return writer.content([source], [last])

    def expected_embedding(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the file's own steps give, with a Fourier transform in float64 behind the normalisation."""
        found = []
        for window in windows:
            positive = window - window.min()
            sound = (positive / (positive.max() + np.float32(1e-6)) - np.float32(0.5)) * np.float32(2)
            means = []
            for place, (length, hop) in enumerate(zip(self.lengths, self.hops, strict=True)):
                frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), length)[::hop]
                bands = np.fft.rfft(frames * hann(length)).real @ self.filters(place).T
                means.append(((bands * bands) ** self.exponents[place]).mean())
            found.append(means)
        return np.array(found)


@pytest.fixture(scope="session")
def small_birdnet() -> type[SmallBirdNet]:
    return SmallBirdNet
