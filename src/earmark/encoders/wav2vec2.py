"""The encoders `wav2vec2`, `hubert` and `wavlm`: frozen speech transformers as frontends.

Baevski et al., "wav2vec 2.0" (2020, arXiv:2006.11477); Hsu et al., "HuBERT" (2021, arXiv:2106.07447); Chen et al.,
"WavLM" (2022, arXiv:2110.13900). A window becomes the mean over time of one layer's frames, or of all layers'.

transformers and torch turn a model into an ONNX graph once; it is kept in the cache under the fingerprint of the
model's files. That fingerprint is part of the frontend's configuration, so a bundle finds the graph by it and needs
neither torch nor the model's own files.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from earmark.core.config import Config, parse_config
from earmark.core.errors import ConfigError, ModelError, StoreError, WeightsError
from earmark.core.files import write_bytes
from earmark.core.optional import import_extra
from earmark.core.units import seconds_to_samples
from earmark.encoders.session import OnnxGraph
from earmark.encoders.torch_graph import export_graph
from earmark.encoders.transformer_files import DEFAULT_MODELS, RATE_HZ, Architecture, find_transformer
from earmark.encoders.transformer_module import Layer, load_transformer, pooled_class
from earmark.encoders.weight_checks import weights_cache
from earmark.features.base import FrontendSpec, check_windows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.transformer_files import TransformerFiles

GRAPH_VERSION = 1  # raise it when another graph comes to be made of the same files
TOLERANCE = 1e-4  # between graph and transformers, relative to the largest value
BATCH = 4
_log = logging.getLogger(__name__)


class TransformerOptions(Config):
    """Options of the encoders `wav2vec2`, `hubert` and `wavlm`."""

    model: Annotated[str, Field(min_length=1, description="A folder with the model, or its name on the hub")]
    layer: Annotated[
        Layer, Field(description="Layer whose frames are taken: 0 is before the first, -1 the last; or mean of all")
    ] = -1
    window_s: Annotated[float, Field(gt=0, description="Length of a window")] = 2.0
    hop_s: Annotated[float, Field(gt=0, description="Step between windows of a longer clip")] = 1.0
    weights: Annotated[
        str, Field(description="Fingerprint that the model's files must have; filled in where it is empty")
    ] = ""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.hop_s > self.window_s or seconds_to_samples(self.hop_s, RATE_HZ) < 1:
            raise ValueError(f"hop_s is {self.hop_s}, expected one sample to window_s ({self.window_s})")
        return self


class TransformerEncoder:
    """Turns windows of 16 kHz sound into embeddings.

    Raises:
        ConfigError: The layer or window does not suit the model.
        MissingExtraError: The graph is not in the cache, and torch or transformers to make it is not installed.
        ModelError: The model is of another architecture, or its graph does not give its numbers.
        WeightsError: The model is not there, damaged, or another than the one expected.
    """

    def __init__(self, architecture: Architecture, options: TransformerOptions) -> None:
        content, weights = _find_graph(architecture, options)
        self._graph = OnnxGraph(content, what=f"{architecture} ({options.model})")
        dim = self._graph.output_shape[1]
        if dim is None:
            raise ModelError(f"{architecture} ({options.model}): its graph does not tell its width; delete it")
        config = options.model_copy(update={"weights": weights}).model_dump()
        self.spec = FrontendSpec(architecture, RATE_HZ, options.window_s, options.hop_s, (dim,), config, GRAPH_VERSION)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, dim).

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        check_windows(windows, self.spec)
        found = np.empty((len(windows), *self.spec.shape), dtype=np.float32)
        for first in range(0, len(windows), BATCH):
            found[first : first + BATCH] = self._graph(np.ascontiguousarray(windows[first : first + BATCH]))
        return found


def wav2vec2(**options: Any) -> TransformerEncoder:
    """Return the encoder `wav2vec2` with these options of `TransformerOptions`; see `TransformerEncoder`."""
    return _encoder("wav2vec2", options)


def hubert(**options: Any) -> TransformerEncoder:
    """Return the encoder `hubert` with these options of `TransformerOptions`; see `TransformerEncoder`."""
    return _encoder("hubert", options)


def wavlm(**options: Any) -> TransformerEncoder:
    """Return the encoder `wavlm` with these options of `TransformerOptions`; see `TransformerEncoder`."""
    return _encoder("wavlm", options)


def _encoder(architecture: Architecture, options: dict[str, Any]) -> TransformerEncoder:
    given = {"model": DEFAULT_MODELS[architecture]} | options
    return TransformerEncoder(architecture, parse_config(TransformerOptions, given, f'frontend "{architecture}"'))


def _find_graph(architecture: Architecture, options: TransformerOptions) -> tuple[bytes, str]:
    """Return the graph and the fingerprint of the files that it was made of."""
    if options.weights:
        kept = _graph_path(architecture, options, options.weights)
        if kept.is_file():
            return kept.read_bytes(), options.weights
    files = find_transformer(options.model, architecture)
    if options.weights not in ("", files.fingerprint):
        raise WeightsError(
            f"{files.folder}: its files have the fingerprint {files.fingerprint}, expected {options.weights}; the "
            "model was changed since, fetch the version that was used or train again"
        )
    kept = _graph_path(architecture, options, files.fingerprint)
    if kept.is_file():
        return kept.read_bytes(), files.fingerprint
    content = _export(files, options)
    try:
        write_bytes(kept, content)
    except StoreError as error:  # costs the time of an export, not the work
        _log.warning("%s; the graph of %s is made again next time", error, options.model)
    return content, files.fingerprint


def _graph_path(architecture: str, options: TransformerOptions, weights: str) -> Path:
    n_samples = seconds_to_samples(options.window_s, RATE_HZ)
    return weights_cache() / f"{architecture}-{weights}-layer{options.layer}-{n_samples}-v{GRAPH_VERSION}.onnx"


def _export(files: TransformerFiles, options: TransformerOptions) -> bytes:
    """Return the graph of a model, checked against transformers."""
    n_samples, n_states = seconds_to_samples(options.window_s, RATE_HZ), files.n_layers + 1
    if files.n_frames(n_samples) < 1:
        raise ConfigError(f"{files.folder}: window_s {options.window_s} is too short for the model; lengthen it")
    if options.layer != "mean" and not -n_states <= options.layer < n_states:
        raise ConfigError(
            f'{files.folder}: layer {options.layer} is not there, expected {-n_states} to {n_states - 1} or "mean"'
        )
    module = pooled_class()(load_transformer(files), options.layer, files.normalise).eval()
    content = export_graph(module, (n_samples,), output="window_embedding")
    windows = np.random.default_rng(0).normal(size=(3, n_samples)).astype(np.float32)
    torch = import_extra("torch", "train", "Exporting a speech transformer")
    with torch.inference_mode():
        expected = module(torch.from_numpy(windows)).numpy()
    difference = float(np.abs(OnnxGraph(content, what=str(files.folder))(windows) - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ModelError(
            f"{files.folder}: its ONNX graph differs from transformers by {difference:.2g}; nothing was kept"
        )
    return content
