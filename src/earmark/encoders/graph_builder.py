"""Layers of convolutional networks as ONNX nodes, from the names in a PyTorch state dict.

Batch norms are folded into the convolutions before them: what ONNX Runtime need not multiply costs no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.core.errors import WeightsError
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.torch_file import read_state_dict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

Activation = Literal["none", "relu", "sigmoid", "hard_sigmoid", "hard_swish"]


class Weights:
    """The tensors of a checkpoint, asked for by name.

    Args:
        tensors: By name, as in the official state dict.
        where: The start of messages, such as the file's path.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], where: str) -> None:
        self._tensors = tensors
        self._where = where

    @classmethod
    def read(cls, path: Path) -> Weights:
        """Return those of a PyTorch checkpoint. Raises WeightsError: it is none."""
        return cls(read_state_dict(path), str(path))

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def get(self, name: str, *, n_axes: int) -> NDArray[np.float32]:
        """Return a tensor as float32.

        Raises:
            WeightsError: There is none of that name, it has another number of axes, or it is not finite.
        """
        if name not in self._tensors:
            found = ", ".join(list(self._tensors)[:3])
            raise WeightsError(
                f"{self._where}: has no tensor {name} (found {found}...); it is of another network: fetch the right one"
            )
        values = np.asarray(self._tensors[name], dtype=np.float32)
        if values.ndim != n_axes or not values.size or not np.isfinite(values).all():
            raise WeightsError(
                f"{self._where}: tensor {name} has the shape {values.shape}, expected {n_axes} axes of finite numbers; "
                "delete the file and fetch it again"
            )
        return values

    def dense(self, prefix: str, *, n_in: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weight (n_out, n_in) and bias (n_out,) of a dense layer.

        Raises:
            WeightsError: They are missing, or `n_in` is given and another.
        """
        weight, bias = self.get(f"{prefix}.weight", n_axes=2), self.get(f"{prefix}.bias", n_axes=1)
        if n_in and weight.shape[1] != n_in:
            raise WeightsError(
                f"{self._where}: layer {prefix} takes {weight.shape[1]} numbers, expected {n_in}; it is of another "
                "network: fetch the right one"
            )
        return weight, bias

    def batch_norm(self, prefix: str, *, epsilon: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return factor and offset (n_channels,) that a batch norm in use amounts to (Ioffe and Szegedy, 2015).

        Raises:
            WeightsError: Its tensors are missing or of another shape.
        """
        gain, bias, mean, variance = (
            self.get(f"{prefix}.{part}", n_axes=1).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / np.sqrt(variance + epsilon)
        return factor.astype(np.float32), (bias - mean * factor).astype(np.float32)


class GraphBuilder(OnnxParts):
    """Adds layers behind a tensor, of which each method returns the result's name."""

    def conv(
        self,
        tensor: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int = 1,
        groups: int = 1,
        activation: Activation = "none",
    ) -> str:
        """Add a convolution with zeros all around, as many as keep the size where `stride` is 1 and the filter odd.

        weight: float32 (n_out, n_in // groups, height, width); bias: float32 (n_out,).
        """
        height, width = weight.shape[2:]
        pads = [(height - 1) // 2, (width - 1) // 2]
        inputs = (tensor, self.constant(weight), self.constant(bias))
        shape: dict[str, Any] = {"kernel_shape": [height, width], "strides": [stride, stride], "pads": pads + pads}
        return self.activate(self.add("Conv", *inputs, group=groups, **shape), activation)

    def folded_conv(
        self,
        tensor: str,
        weight: NDArray[np.float32],
        batch_norm: tuple[NDArray[np.float32], NDArray[np.float32]],
        **how: Any,
    ) -> str:
        """Add a convolution without bias and the batch norm behind it as one; `how` as for `conv`."""
        factor, offset = batch_norm
        return self.conv(tensor, weight * factor[:, np.newaxis, np.newaxis, np.newaxis], offset, **how)

    def activate(self, tensor: str, activation: Activation) -> str:
        """Add an activation; hard sigmoid is relu6(x + 3) / 6 and hard swish x times that, as in MobileNetV3."""
        if activation == "none":
            return tensor
        if activation == "hard_sigmoid":
            return self.add("HardSigmoid", tensor, alpha=1 / 6, beta=0.5)
        if activation == "hard_swish":  # ONNX Runtime takes 3.3 ms for mn04 with the operator HardSwish, 2.5 with these
            return self.add("Mul", tensor, self.activate(tensor, "hard_sigmoid"))
        return self.add(activation.capitalize(), tensor)

    def dense(self, tensor: str, layer: tuple[NDArray[np.float32], NDArray[np.float32]]) -> str:
        """Add a dense layer on (n, n_in): weight float32 (n_out, n_in) and bias (n_out,)."""
        weight, bias = layer
        return self.add("Gemm", tensor, self.constant(weight), self.constant(bias), transB=1)
