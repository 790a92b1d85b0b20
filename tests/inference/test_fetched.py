"""Objects are on this machine for as long as they are needed, and are those that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.core.settings import settings
from earmark.data.storage_client import ObjectStore
from earmark.inference.fetched import fetched
from tests.storage_servers import memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = "memory://calls/night/a.wav"


@pytest.fixture
def system() -> Iterator[Any]:
    pytest.importorskip("fsspec")
    with memory() as made:
        made.pipe_file("/calls/night/a.wav", b"sound")
        yield made


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    return tmp_path / "cache"


@pytest.mark.usefixtures("system")
def test_an_object_is_here_for_as_long_as_it_is_needed(cache: Path) -> None:
    with fetched(ADDRESS) as file:
        assert (file.name, file.read_bytes()) == ("a.wav", b"sound")
        assert cache in file.parents
    assert not file.exists()
    assert list((cache / "analyze").iterdir()) == []


def test_an_object_that_changed_since_it_was_found_is_refused(system: Any) -> None:
    store = ObjectStore(ADDRESS)
    listed = store.look_at(store.path)
    system.pipe_file("/calls/night/a.wav", b"noise")
    with pytest.raises(DataError, match=r"memory://calls/night/a\.wav: changed since it was found; run again"):
        fetched(ADDRESS, listed).__enter__()
    with fetched(ADDRESS) as file:
        assert file.read_bytes() == b"noise"


@pytest.mark.usefixtures("system")
def test_an_object_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreError, match=r"memory://calls/night/b\.wav: is not there"):
        fetched("memory://calls/night/b.wav").__enter__()


@pytest.mark.usefixtures("system")
def test_what_a_killed_process_fetched_is_removed(cache: Path) -> None:
    left = cache / "analyze" / "fetched-left" / "old.wav"
    left.parent.mkdir(parents=True)
    left.touch()
    with fetched(ADDRESS):
        assert not left.parent.exists()


@pytest.mark.usefixtures("system")
def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.mkdir()
    (cache / "analyze").touch()
    with pytest.raises(StoreError, match=r"analyze: cannot be written .*set EARMARK_CACHE_DIR"):
        fetched(ADDRESS).__enter__()
