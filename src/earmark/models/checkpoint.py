"""Checkpoints of a network in training: one file, replaced whole after every epoch, read without running code."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from earmark.core.files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

CHECKPOINT_VERSION = 1  # raise it with every change to what the loop computes or keeps


def save_checkpoint(path: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write tensors and numbers, whole or not at all.

    Args:
        path: Where to.
        fingerprint: Of data and options; only the same fit goes on from here.
        state: Dicts, lists, numbers, strings and tensors.

    Raises:
        StoreError: It cannot be written.
    """
    import torch

    content = io.BytesIO()
    torch.save({"version": CHECKPOINT_VERSION, "fingerprint": fingerprint, "state": state}, content)
    write_bytes(path, content.getvalue())


def load_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str]:
    """Return the state to go on from, or None with the reason why there is none (empty: no file).

    A file that is damaged, of another fit or of another version is no reason to fail: the fit begins anew and
    replaces it. The reader takes tensors and plain values only, so a file from a stranger runs no code.
    """
    import torch

    if not path.is_file():
        return None, ""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["version"], content["fingerprint"]
        state: dict[str, Any] = content["state"]
    except Exception as error:  # torch raises a dozen unrelated classes for a damaged file
        return None, f"checkpoint {path} cannot be read ({type(error).__name__}); training begins anew"
    if found != (CHECKPOINT_VERSION, fingerprint):
        return None, f"checkpoint {path} belongs to other data or options; training begins anew"
    return state, ""
