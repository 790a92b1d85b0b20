"""A database of either kind, a shelf, and corrections as a client would send them."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.service.auth import Caller
from earmark.service.database import Database
from earmark.service.feedback import FeedbackStore, SoundShelf, Stored, parse_correction
from tests.service.postgres import Server, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADA, BEN = Caller("ada", None), Caller("ben", None)
RATE_HZ = 8000


def wav(seed: int = 0, duration_s: float = 0.5) -> bytes:
    """Return a WAV file of noise that differs from seed to seed."""
    samples = 0.1 * np.random.default_rng(seed).normal(size=round(duration_s * RATE_HZ))
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV")
    return file.getvalue()


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def answer(content: bytes = b"", **changes: Any) -> dict[str, Any]:
    """Return what /v1/classify would have answered."""
    return {
        "id": "0f8fad5bd9cb469fa165708677289501",
        "model": {"name": "tones", "version": "3f1c9a5be2d4"},
        "audio": {"sha256": sha256_of(content), "duration_s": 0.5, "rate_hz": RATE_HZ, "n_channels": 1},
        "label": "loud",
        "probability": 0.75,
        "scores": {"loud": 0.75, "quiet": 0.25},
        "accepted": True,
        "accepted_labels": ["loud"],
        "known": True,
        "known_probability": None,
        "events": [],
        "timing_ms": {"decode": 1.0, "queue": 0.1, "compute": 1.0, "total": 2.1},
    } | changes


def fields(content: bytes = b"", result: dict[str, Any] | None = None, **given: str) -> dict[str, str]:
    """Return the fields of a form; the answer was wrong unless something else is given."""
    wrong = {"result": json.dumps(result or answer(content)), "verdict": "wrong", "label": "quiet"}
    return wrong | given


class Desk:
    """Where people say what was wrong."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.state_dir = folder
        self.shelf = SoundShelf(folder)
        self.store = FeedbackStore(database, self.shelf)

    def say(self, content: bytes, caller: Caller = ADA, *, keep: bool = True, **given: Any) -> Stored:
        correction = parse_correction(fields(content, consent=str(keep).lower(), **given))
        return self.store.add(correction, caller, io.BytesIO(content) if keep else None)

    def files(self) -> list[str]:
        """Return the hashes of the sounds that are kept."""
        return sorted(path.stem for path in self.state_dir.glob("audio/??/*"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'state' / 'earmark.sqlite3'}"
    else:
        made: Server = request.getfixturevalue("server")
        url = made.new_database()
    database = Database(url)
    database.open()
    yield database
    database.close()


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path / "state")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Desk]:
    """A desk where it does not matter which database is behind it."""
    database = Database(f"sqlite:///{tmp_path / 'state' / 'earmark.sqlite3'}")
    database.open()
    yield Desk(database, tmp_path / "state")
    database.close()
