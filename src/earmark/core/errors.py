"""Every error that earmark raises on purpose, as one tree.

    EarmarkError
    ├── ConfigError          a setting, flag or plan key is unknown or out of range
    ├── AudioError           a file cannot be decoded, or the sound in it breaks a spec
    ├── DataError            a manifest, label file or dataset is wrong
    │   └── LeakError        one group (or one recording) stands on both sides of a split
    ├── ModelError           a recipe, classifier or encoder cannot do what was asked
    │   ├── BundleError      a bundle is damaged, tampered with or from another format
    │   └── WeightsError     pretrained weights are missing, refused or do not match their checksum
    ├── StoreError           a cache, results store or output folder cannot be read or written
    └── MissingExtraError    an optional dependency is not installed

A message says where, what was found, what was expected and what to do about it.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class EarmarkError(Exception):
    """Base of all errors that earmark raises on purpose."""


class ConfigError(EarmarkError):
    """Report a setting, flag or plan key that is unknown or out of range."""


class AudioError(EarmarkError):
    """Report a file that cannot be decoded, or sound that breaks a spec."""


class DataError(EarmarkError):
    """Report a manifest, label file or dataset that is wrong."""


class LeakError(DataError):
    """Report a group or recording that stands on both sides of a split."""


class ModelError(EarmarkError):
    """Report a recipe, classifier or encoder that cannot do what was asked."""


class BundleError(ModelError):
    """Report a bundle that is damaged, tampered with or of another format."""


class WeightsError(ModelError):
    """Report pretrained weights that are missing, refused or fail their checksum."""


class StoreError(EarmarkError):
    """Report a cache, results store or output folder that fails to read or write."""


class MissingExtraError(EarmarkError):
    """Report an optional dependency that is not installed, with the line that installs it.

    `fault` says why a package that is there does not load.
    """

    def __init__(self, package: str, extra: str, purpose: str, fault: str = "") -> None:
        # A worker process hands its errors over as the arguments of their constructor.
        super().__init__(package, extra, purpose, fault)
        found = f", which is installed but does not load ({fault})" if fault else ""
        again = " --force-reinstall" if fault else ""
        self.message = (
            f"{purpose} needs the package {package}{found}; install it with: pip install{again} 'earmark[{extra}]'"
        )

    def __str__(self) -> str:
        return self.message


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, and all of them.

    Example:
        >>> did_you_mean("mffc", ["mfcc", "logmel"])
        '; did you mean "mfcc"? (known: logmel, mfcc)'
    """
    names = sorted(known)
    by_lower = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    hint = f'; did you mean "{by_lower[close[0]]}"?' if close else ""
    return f"{hint} (known: {', '.join(names) or 'none'})"
