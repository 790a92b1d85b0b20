"""Optional dependencies: imported at use, with the install line where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from earmark.core.errors import MissingExtraError


def import_extra(module: str, extra: str, purpose: str) -> Any:
    """Return an optional module.

    Args:
        module: Dotted name, such as ``"av"``.
        extra: The extra of earmark that installs it.
        purpose: What needs it, the start of the message: ``"Decoding AAC"``.

    Raises:
        MissingExtraError: The package is not installed, or does not load.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == package
        raise MissingExtraError(package, extra, purpose, fault="" if absent else str(error)) from error
