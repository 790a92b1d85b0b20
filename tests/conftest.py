"""Shared fixtures: a seeded generator, and the real recordings where they exist.

numpy is imported inside the fixtures: the number of threads has to be settled before its first import.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from tests.storage_proxy import Proxy
    from tests.storage_servers import Server

# One thread each: tests run side by side, and timings mean "on one core".
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# No deadline: a busy machine is not a bug. The gate tries the same examples every time, a person new ones.
hypothesis.settings.register_profile("person", deadline=None)
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("gate" if os.environ.get("CI") else "person")


@pytest.fixture
def rng() -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(20261120)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache and settings; only the folders with real data stay."""
    from earmark.core.settings import Settings, settings, variables

    for field in set(Settings.model_fields) - {"data_dir", "weights_dir"}:
        for variable in variables(field):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    settings.cache_clear()


def real_corpus(name: str) -> Path:
    """Return the folder of a corpus under EARMARK_DATA_DIR, or skip the test with the reason."""
    root = os.environ.get("EARMARK_DATA_DIR")
    if not root or not (Path(root) / name / "clips.csv").is_file():
        pytest.skip(f"no {name} under EARMARK_DATA_DIR ({root or 'not set'})")
    return Path(root) / name


@pytest.fixture
def fsdd_dir() -> Path:
    return real_corpus("fsdd")


@pytest.fixture
def esc50_dir() -> Path:
    return real_corpus("esc50")


@pytest.fixture
def oneshots_dir() -> Path:
    return real_corpus("oneshots")


@pytest.fixture
def wildlife_dir() -> Path:
    return real_corpus("wildlife")


@pytest.fixture(scope="session")
def _silero_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache, one for all processes of the session, that Silero was fetched into; skip with the reason."""
    from earmark.core.errors import WeightsError
    from earmark.core.settings import settings
    from earmark.encoders.weights import weights_path

    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "silero"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE_DIR", str(cache))
        settings.cache_clear()
        try:
            weights_path("silero_vad")
        except WeightsError as error:
            pytest.skip(f"Silero's weights cannot be had ({error})")
        finally:
            settings.cache_clear()
    return cache


@pytest.fixture
def silero_weights(_silero_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Silero's weights at hand: those of this machine, else fetched from the package index."""
    from earmark.core.settings import settings

    monkeypatch.setenv("EARMARK_CACHE_DIR", str(_silero_cache))
    settings.cache_clear()


@pytest.fixture(scope="module", params=["gs", "s3"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Give the emulator of a cloud, each in turn."""
    from tests.storage_servers import emulator

    with emulator(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def middle(server: Server) -> Iterator[Proxy]:
    """Give a proxy before the emulator, which makes trouble when it is told to."""
    from tests.storage_proxy import proxy

    with proxy(server.port) as made:
        yield made
