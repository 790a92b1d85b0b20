from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.core.settings import settings
from earmark.distortion.corpus import fetch
from earmark.distortion.corpus.fetch import chosen_sources, fetch_sources, packages_of, wheel_path
from earmark.distortion.corpus.sources import MUSIC21, SOURCES

DEB = """#!/bin/sh
# apt-get -o ... download PACKAGE
for last; do :; done
printf 'archive of %s' "$last" > "${last}_1.0_all.deb"
"""
UNPACK = """#!/bin/sh
# dpkg-deb -x ARCHIVE FOLDER
mkdir -p "$3/usr/share" && cp "$2" "$3/usr/share/content"
"""


class Counter:
    def __init__(self) -> None:
        self.total = self.done = 0
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        assert label == "fetch sources"
        self.total = total

    def advance(self, n_steps: int = 1) -> None:
        self.done += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    put(folder / "apt-get", DEB)
    put(folder / "dpkg-deb", UNPACK)
    return folder


def put(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def test_a_package_is_downloaded_unpacked_and_kept(tmp_path: Path, tools: Path) -> None:
    progress = Counter()
    assert fetch_sources(tmp_path / "x", ["torcs-data"], progress=progress) == [tmp_path / "x" / "torcs-data"]
    content = tmp_path / "x" / "torcs-data" / "usr" / "share" / "content"
    assert content.read_text() == "archive of torcs-data"
    assert (progress.total, progress.done, progress.notes) == (1, 1, ["torcs-data"])
    assert not list((tmp_path / "x").glob(".fetching-*"))
    (tools / "apt-get").unlink()
    content.write_text("mine")
    fetch_sources(tmp_path / "x", ["torcs-data"])
    assert content.read_text() == "mine"


def test_soundfonts_and_wheels_belong_to_what_a_source_needs() -> None:
    sources = chosen_sources(["music21-bach", "wesnoth-1.16-music"])
    assert packages_of(sources) == (["fluid-soundfont-gm", "timgm6mb-soundfont", "wesnoth-1.16-music"], [MUSIC21])
    assert chosen_sources(None) == list(SOURCES)


def test_an_unknown_source_is_named_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match='"freedom"; did you mean "freedoom"'):
        chosen_sources(["freedom"])


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb"])
def test_a_machine_without_debian_tools_is_told_what_to_do(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    (tools / tool).unlink()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(DataError, match=rf"no {tool}.*folders of your own"):
        fetch_sources(tmp_path / "x", ["torcs-data"])


def test_a_failing_download_leaves_nothing_and_tells_the_last_line(tmp_path: Path, tools: Path) -> None:
    put(tools / "apt-get", "#!/bin/sh\necho first >&2\necho 'E: Unable to locate package' >&2\nexit 100\n")
    with pytest.raises(DataError, match=r"torcs-data: apt-get download failed \(E: Unable to locate package\); run"):
        fetch_sources(tmp_path / "x", ["torcs-data"])
    assert list((tmp_path / "x").iterdir()) == []
    put(tools / "apt-get", "#!/bin/sh\nexit 100\n")
    with pytest.raises(DataError, match="no message"):
        fetch_sources(tmp_path / "x", ["torcs-data"])


def test_a_download_without_an_archive_is_told(tmp_path: Path, tools: Path) -> None:
    put(tools / "apt-get", "#!/bin/sh\nexit 0\n")
    with pytest.raises(DataError, match="left no archive"):
        fetch_sources(tmp_path / "x", ["torcs-data"])


def test_a_download_that_hangs_or_cannot_start_is_told(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tools / "apt-get", "#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(fetch, "LIMIT_S", 0.05)
    with pytest.raises(DataError, match="did not finish"):
        fetch_sources(tmp_path / "x", ["torcs-data"])
    put(tools / "apt-get", "#!/no/such/shell\n")
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(DataError, match="cannot be started"):
        fetch_sources(tmp_path / "x", ["torcs-data"])


def test_offline_means_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    for name in ("torcs-data", "music21-bach"):
        with pytest.raises(DataError, match="EARMARK_OFFLINE is set"):
            fetch_sources(tmp_path / "x", [name])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, tools: Path) -> None:
    (tmp_path / "x").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        fetch_sources(tmp_path / "x", ["torcs-data"])


def test_a_wheel_comes_from_pip(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if command[0] != sys.executable:
            return real(command, **options)  # type: ignore[call-overload,no-any-return]
        commands.append(command)
        Path(command[-2], name).write_bytes(b"wheel")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("earmark.distortion.corpus.fetch.subprocess.run", run)
    name = "music21-9-py3-none-any.whl"
    with pytest.raises(DataError, match=rf"pip downloaded {name}, expected music21-10"):
        fetch_sources(tmp_path / "x", ["music21-bach"])
    name = wheel_path(tmp_path, MUSIC21).name
    assert fetch_sources(tmp_path / "x", ["music21-bach"])[-1].read_bytes() == b"wheel"
    assert commands[0][1:5] == ["-m", "pip", "download", "--no-deps"]
    assert commands[0][-1] == MUSIC21
