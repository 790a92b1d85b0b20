"""The files of a speech transformer, found without torch: a local folder, EARMARK_WEIGHTS_DIR, or the hub's cache.

A model is a folder as transformers' `save_pretrained` writes it: `config.json`, weights as `model*.safetensors` or
`pytorch_model*.bin`, and perhaps `preprocessor_config.json`, which says whether windows are normalised first. (It
differs: wav2vec2-base is normalised, wavlm-base is not.)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from earmark.core.errors import EarmarkError, MissingExtraError, ModelError, StoreError, WeightsError
from earmark.core.files import read_json
from earmark.core.identity import fingerprint
from earmark.core.optional import import_extra
from earmark.core.settings import settings
from earmark.encoders.weight_checks import checksum

if TYPE_CHECKING:
    from collections.abc import Iterator

Architecture = Literal["wav2vec2", "hubert", "wavlm"]
DEFAULT_MODELS: dict[Architecture, str] = {
    "wav2vec2": "facebook/wav2vec2-base",
    "hubert": "facebook/hubert-base-ls960",
    "wavlm": "microsoft/wavlm-base",
}
# Of the default models, as their pages on the hub say; WavLM's points to the licence of UniSpeech.
LICENCES = {
    "facebook/wav2vec2-base": "Apache-2.0",
    "facebook/hubert-base-ls960": "Apache-2.0",
    "microsoft/wavlm-base": "CC-BY-SA-3.0",
}
RATE_HZ = 16000
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class TransformerFiles:
    """A model on this machine.

    Attributes:
        folder: Where its files are.
        architecture: What it is.
        config: The content of `config.json`.
        normalise: Whether windows get zero mean and unit variance first.
        weights: The files of its weights.
    """

    folder: Path
    architecture: Architecture
    config: dict[str, Any] = field(hash=False)
    normalise: bool
    weights: tuple[Path, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Name of the numbers that it makes: equal wherever the files lie.

        Raises:
            WeightsError: A file cannot be read.
        """
        try:
            sums = {path.name: checksum(path) for path in (self.folder / "config.json", *self.weights)}
        except OSError as error:
            raise WeightsError(
                f"{error.filename or self.folder}: cannot be read ({error.strerror or error})"
            ) from error
        return fingerprint({"files": sums, "normalise": self.normalise})

    @property
    def n_layers(self) -> int:
        """Transformer layers."""
        return int(self.config["num_hidden_layers"])

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames the convolutions make of a window; 0 or less: it is too short."""
        for kernel, stride in zip(self.config["conv_kernel"], self.config["conv_stride"], strict=True):
            n_samples = (n_samples - int(kernel)) // int(stride) + 1
        return n_samples


def find_transformer(model: str, architecture: Architecture) -> TransformerFiles:
    """Return the files of a model.

    Args:
        model: A folder, or the name of a repository on the Hugging Face hub such as "facebook/wav2vec2-base". Of a
            name, a folder "facebook/wav2vec2-base" or "wav2vec2-base" in EARMARK_WEIGHTS_DIR is taken first, then
            what the hub's own cache holds, then the hub. "tiny-random" is the fake of `transformer_fake`.
        architecture: What the model has to be.

    Raises:
        WeightsError: It is not there, or files are missing from it.
        ModelError: It is of another architecture, or for another sample rate.
    """
    if model == "tiny-random":
        from earmark.encoders.transformer_fake import tiny_folder

        return read_transformer(tiny_folder(architecture), architecture)
    for folder in _folders(model):
        if (folder / "config.json").is_file():
            return read_transformer(folder, architecture)
    local = Path(model).expanduser()
    if local.is_dir():
        raise WeightsError(
            f"{local}: holds no config.json, expected a folder as save_pretrained of transformers writes"
        )
    return read_transformer(_from_hub(model), architecture)


def read_transformer(folder: Path, architecture: Architecture) -> TransformerFiles:
    """Return the files of the model in a folder.

    Raises:
        WeightsError: Files are missing from it or damaged.
        ModelError: It is of another architecture, or for another sample rate.
    """
    try:
        config = read_json(folder / "config.json")
        preparation = folder / "preprocessor_config.json"
        prepared = read_json(preparation) if preparation.is_file() else {}
        kind, rate_hz = config["model_type"], prepared.get("sampling_rate", RATE_HZ)
        [config[key] for key in ("num_hidden_layers", "conv_kernel", "conv_stride")]
    except (StoreError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{folder}: config.json is not that of a speech transformer ({_in_words(error)}); fetch the model again"
        ) from error
    if kind != architecture:
        hint = f'use the encoder or architecture "{kind}"' if kind in get_args(Architecture) else "choose another model"
        raise ModelError(f'{folder}: the model is a "{kind}", expected a "{architecture}"; {hint}')
    if rate_hz != RATE_HZ:
        raise ModelError(f"{folder}: the model is for {rate_hz} Hz, expected {RATE_HZ} Hz; choose another model")
    weights = next((found for pattern in _WEIGHTS if (found := tuple(sorted(folder.glob(pattern))))), ())
    if not weights:
        raise WeightsError(f"{folder}: holds no weights, expected {' or '.join(_WEIGHTS)}; fetch the model again")
    return TransformerFiles(folder, architecture, config, bool(prepared.get("do_normalize", True)), weights)


def _folders(model: str) -> Iterator[Path]:
    yield Path(model).expanduser()
    if root := settings().weights_dir:
        yield root / model
        yield root / Path(model).name


def _from_hub(model: str) -> Path:
    """Return the folder of a repository of the hub, fetched if it may be."""
    try:
        hub = import_extra("huggingface_hub", "train", "Fetching a speech transformer")
        if not sys.stderr.isatty():  # the package's parts are not its attributes before someone has imported them
            import_extra("huggingface_hub.utils", "train", "Fetching a speech transformer").disable_progress_bars()
        offline = settings().offline
        for patterns in (["config.json", "preprocessor_config.json", "model*.safetensors*"], ["pytorch_model*.bin*"]):
            folder = Path(hub.snapshot_download(model, allow_patterns=patterns, local_files_only=offline))
            if any(any(folder.glob(pattern)) for pattern in _WEIGHTS):
                break
    except MissingExtraError:
        raise
    except Exception as error:  # the hub's client has a dozen unrelated classes, and those of its HTTP library
        raise WeightsError(_not_found(model, error)) from error
    return folder


def _not_found(model: str, error: Exception) -> str:
    offline = "; EARMARK_OFFLINE is set" if settings().offline else ""
    name, local = Path(model).name, settings().weights_dir or "not set"
    return (
        f'model "{model}" was found neither as a folder nor in EARMARK_WEIGHTS_DIR ({local}) nor on the hub '
        f"({_in_words(error)}){offline}. What to do: on a machine with network run "
        f'"hf download {model} --local-dir {name}", put the folder {name} into a folder here and set '
        "EARMARK_WEIGHTS_DIR to that"
    )


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    short = text if isinstance(error, EarmarkError) else f"{type(error).__name__}: {text}"
    return short[:200]
