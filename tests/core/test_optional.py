"""Optional dependencies fail at use, with the line that helps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import MissingExtraError
from earmark.core.optional import import_extra

if TYPE_CHECKING:
    from pathlib import Path


def test_a_module_that_is_there_is_returned() -> None:
    import json.decoder

    assert import_extra("json.decoder", "av", "Reading") is json.decoder


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.inside.it"])
def test_a_missing_package_is_named_with_its_extra(module: str) -> None:
    message = r"^Decoding AAC needs the package no_such_package; install it with: pip install 'earmark\[av\]'$"
    with pytest.raises(MissingExtraError, match=message) as caught:
        import_extra(module, "av", "Decoding AAC")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_package_whose_library_is_missing_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text('raise ImportError("libavcodec.so.61: cannot open shared object file")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match=r"does not load \(libavcodec\.so\.61: .*--force-reinstall"):
        import_extra("broken_package", "av", "Decoding AAC")


def test_a_package_that_misses_another_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy_package.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        MissingExtraError, match=r"needy_package, which is installed .*No module named 'no_such_package'"
    ):
        import_extra("needy_package", "hub", "Reading the hub")
    assert "needy_package" not in sys.modules
