"""A fake that is real: a speech transformer a thousandth of the size, with random weights, as a folder on disk.

Named "tiny-random" it stands wherever a model is named, so that every step from training to a bundle can be tried
without a download. It knows nothing of speech.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.core.errors import StoreError
from earmark.core.files import write_json
from earmark.core.optional import import_extra
from earmark.encoders.transformer_module import empty_transformer, quiet_transformers
from earmark.encoders.weight_checks import weights_cache

if TYPE_CHECKING:
    from earmark.encoders.transformer_files import Architecture

TINY = "tiny-random"
VERSION = 1  # part of the folder's name: raise it when the configuration changes
# A frame each 5 ms, where the real ones have one each 20 ms.
CONFIG: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16, 16, 16],
    "conv_kernel": [10, 8, 4],
    "conv_stride": [5, 4, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
_ONLY_WAVLM = {"num_buckets": 32, "max_bucket_distance": 64}


def tiny_folder(architecture: Architecture) -> Path:
    """Return the folder of the tiny model in the cache, made at its first use.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        StoreError: The cache cannot be written.
    """
    folder = weights_cache() / f"{TINY}-{architecture}-v{VERSION}"
    if (folder / "config.json").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as staging:
            save_tiny(Path(staging) / folder.name, architecture)
            shutil.rmtree(folder, ignore_errors=True)
            (Path(staging) / folder.name).replace(folder)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return folder


def save_tiny(
    folder: Path, architecture: Architecture, *, seed: int = 0, normalise: bool = True, **config: Any
) -> None:
    """Write a tiny model; `config` changes its configuration. Raises MissingExtraError."""
    torch = import_extra("torch", "train", "Making a tiny speech transformer")
    own = CONFIG | (_ONLY_WAVLM if architecture == "wavlm" else {}) | config
    with torch.random.fork_rng(devices=()), quiet_transformers():
        torch.manual_seed(seed)
        model: Any = empty_transformer(architecture, own)
        model.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", {"do_normalize": normalise, "sampling_rate": 16000})
