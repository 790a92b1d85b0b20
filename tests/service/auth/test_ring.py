from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from earmark.service.auth import Caller, KeyRing, create_key, list_keys, revoke_key
from earmark.service.auth.ring import LIFE_S, NEW_AFTER_S
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.service.database import Database

ON = ServeOptions(auth="on")
UNKNOWN = "ek_" + "x" * 43


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one with each look into the database."""
    seen: list[int] = []
    read = KeyRing._read

    def spy(self: KeyRing) -> object:
        seen.append(1)
        return read(self)

    monkeypatch.setattr(KeyRing, "_read", spy)
    return seen


async def refused(ring: KeyRing, key: str | None) -> Problem:
    with pytest.raises(Problem) as caught:
        await ring.check(key)
    return caught.value


def test_a_key_says_who_asks(database: Database) -> None:
    key, facts = create_key(database, "ada")
    assert asyncio.run(KeyRing(database, ON).check(key)) == Caller("ada", facts.id)


@pytest.mark.parametrize("key", [None, "", "password", UNKNOWN, "ek_" + "é" * 43, "ek_" + "x" * 10_000])
def test_anything_else_is_refused_without_repeating_it(database: Database, key: str | None) -> None:
    create_key(database, "ada")
    problem = asyncio.run(refused(KeyRing(database, ON), key))
    assert problem.status == 401
    assert not key or key not in problem.detail


def test_no_key_is_needed_on_loopback(database: Database) -> None:
    ring = KeyRing(database, ServeOptions())
    assert asyncio.run(ring.check(None)) == asyncio.run(ring.check("anything")) == Caller("local", None)


def test_a_revoked_key_stops_within_seconds_and_a_new_one_works_at_once(database: Database) -> None:
    async def play() -> None:
        clock = Clock()
        ring = KeyRing(database, ON, clock)
        ada, _ = create_key(database, "ada")
        await ring.check(ada)
        ben, _ = create_key(database, "ben")
        clock.now_s += NEW_AFTER_S
        assert (await ring.check(ben)).name == "ben"
        revoke_key(database, "ada")
        clock.now_s += LIFE_S
        assert (await refused(ring, ada)).status == 401
        assert (await ring.check(ben)).name == "ben"
        await ring.close()

    asyncio.run(play())


def test_guessing_does_not_reach_the_database_each_time(database: Database, reads: list[int]) -> None:
    async def play() -> None:
        ring = KeyRing(database, ON, Clock())
        key, _ = create_key(database, "ada")
        await asyncio.gather(*(ring.check(key) for _ in range(50)))
        for _ in range(50):
            await refused(ring, UNKNOWN)
        await ring.close()

    asyncio.run(play())
    assert len(reads) == 1


def test_each_key_has_its_own_rate(database: Database) -> None:
    async def play() -> None:
        clock = Clock()
        ring = KeyRing(database, ON, clock)
        slow, _ = create_key(database, "slow", 2)
        quick, _ = create_key(database, "quick", 100)
        await ring.check(slow)
        await ring.check(slow)
        problem = await refused(ring, slow)
        assert (problem.status, problem.retry_after_s) == (429, 30.0)
        for _ in range(50):
            await ring.check(quick)
        clock.now_s += 30.0  # the keys are read again meanwhile: that forgives nobody
        await ring.check(slow)
        assert (await refused(ring, slow)).status == 429
        await ring.close()

    asyncio.run(play())


def test_the_last_use_is_kept_to_the_hour_and_written_once(database: Database) -> None:
    async def play() -> None:
        ring = KeyRing(database, ON)
        key, _ = create_key(database, "ada")
        for _ in range(5):
            await ring.check(key)
        await ring.close()

    asyncio.run(play())
    used = list_keys(database)[0].last_used_at
    assert used is not None
    assert (used.minute, used.second, used.microsecond) == (0, 0, 0)


def test_without_a_database_nobody_gets_in(database: Database, tmp_path: Path, reads: list[int]) -> None:
    async def play() -> None:
        clock = Clock()
        ring = KeyRing(database, ON, clock)
        key, _ = create_key(database, "ada")
        await ring.check(key)
        database.close()
        for file in tmp_path.iterdir():
            file.unlink()
        clock.now_s += LIFE_S
        problems = await asyncio.gather(*(refused(ring, key) for _ in range(20)))
        assert {(problem.status, problem.retry_after_s) for problem in problems} == {(503, LIFE_S)}
        await ring.close()

    asyncio.run(play())
    assert len(reads) == 2
