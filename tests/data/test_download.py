from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.data.download import unpack_archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", ["top/../../evil.wav", "/etc/evil.wav", "top/C:/evil.wav", "C:/top/evil.wav", "top\\..\\evil.wav"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("top/fine.wav", b"x")
        archive.writestr(zipfile.ZipInfo(name), b"x")
    if name == "top/C:/evil.wav":  # only a folder called "C:" on a real file system
        assert unpack_archive(tmp_path / "a.zip", tmp_path / "out", lambda path: True, max_bytes=99) == 2
        return
    with pytest.raises(DataError, match="leads out of its folder; the archive is not trusted"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "out", lambda path: True, max_bytes=99)
    assert not list(tmp_path.rglob("evil.wav"))


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("top/link.wav")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="leads out of its folder"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "out", lambda path: True, max_bytes=99)


def test_an_archive_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/bomb.wav", bytes(1_000_000))
    with pytest.raises(DataError, match=r"would unpack to 1000000 bytes, expected at most 999"):
        unpack_archive(tmp_path / "a.zip", tmp_path / "out", lambda path: True, max_bytes=999)
