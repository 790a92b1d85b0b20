"""The keys that count now, in memory: read again every few seconds, so that a revoked one stops within them."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from earmark.core.errors import StoreError
from earmark.service.auth.keys import digest_of, looks_like_key
from earmark.service.auth.loopback import keys_needed
from earmark.service.auth.rates import TokenBucket
from earmark.service.database.tables import ApiKey
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.service.database.engine import Database
    from earmark.service.options import ServeOptions

LIFE_S = 3.0  # a revoked key is refused after so long at most
NEW_AFTER_S = 0.5  # an unknown key, which may be a new one, has the keys read again, but no oftener than this
UNAUTHORIZED, TOO_MANY, UNAVAILABLE = 401, 429, 503
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        name: The name of the key; "local" where none is needed.
        key_id: The number of the key; None where none is needed.
    """

    name: str
    key_id: int | None


LOCAL = Caller("local", None)


@dataclass(frozen=True)
class _Known:
    caller: Caller
    digest: str
    last_used_at: datetime | None


class KeyRing:
    """Checks keys and counts requests; every replica counts its own.

    Args:
        database: Where keys are; open.
        options: Say whether keys are needed.
        clock_s: Tells the time in seconds.
    """

    def __init__(
        self, database: Database, options: ServeOptions, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.needed = keys_needed(options)
        self._database = database
        self._clock_s = clock_s
        self._known: dict[str, _Known] = {}
        self._buckets: dict[int, TokenBucket] = {}
        self._read_at_s = self._failed_at_s = float("-inf")
        self._reading = asyncio.Lock()
        self._notes: set[asyncio.Task[None]] = set()

    async def check(self, key: str | None) -> Caller:
        """Return whose key this is, and count the request.

        Raises:
            Problem: 401 for no key or one that does not count, 429 for one that asks too often, 503 where the database
                cannot be reached.
        """
        if not self.needed:
            return LOCAL
        if not key:
            raise _unauthorized("no key was sent; send one as `Authorization: Bearer ek_...` or `X-API-Key: ek_...`")
        known = await self._find(digest_of(key)) if looks_like_key(key) else None
        if known is None or known.caller.key_id is None:
            raise _unauthorized("the key is not known or is revoked; ask whoever runs this service for another")
        wait_s = self._buckets[known.caller.key_id].take()
        if wait_s > 0:
            raise Problem(
                TOO_MANY,
                "Too many requests",
                f"this key may ask {self._buckets[known.caller.key_id].rate_per_minute} times a minute",
                retry_after_s=wait_s,
            )
        self._note_use(known)
        return known.caller

    async def close(self) -> None:
        """Wait until everything is written."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _find(self, digest: str) -> _Known | None:
        await self._read_again(LIFE_S)
        if digest not in self._known:
            await self._read_again(NEW_AFTER_S)
        known = self._known.get(digest)
        # Finding it by its hash tells nothing by its time that would lead to a key; comparing keeps it so.
        return known if known is not None and hmac.compare_digest(known.digest, digest) else None

    async def _read_again(self, life_s: float) -> None:
        async with self._reading:  # one reads for all who wait
            if self._clock_s() - self._read_at_s < life_s:
                return
            asked_at_s = self._clock_s()
            if asked_at_s - self._failed_at_s < NEW_AFTER_S:  # else all who wait would wait for it one by one
                raise _unavailable()
            try:
                rows = await asyncio.to_thread(self._read)
            except StoreError as error:
                self._failed_at_s = self._clock_s()
                _LOG.error("keys cannot be read: %s", error)
                raise _unavailable() from error
            self._known = {row.digest: _Known(Caller(row.name, row.id), row.digest, row.last_used_at) for row in rows}
            for row in rows:
                bucket = self._buckets.get(row.id)
                if bucket is None or bucket.rate_per_minute != row.rate_per_minute:
                    self._buckets[row.id] = TokenBucket(row.rate_per_minute, self._clock_s)
            self._read_at_s = asked_at_s

    def _read(self) -> list[ApiKey]:
        with self._database.session(reading=True) as session:
            return list(session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None))))

    def _note_use(self, known: _Known) -> None:
        """Write down, to the hour, that a key was used; nobody waits for it."""
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        if known.last_used_at is not None and known.last_used_at >= hour:
            return
        self._known[known.digest] = _Known(known.caller, known.digest, hour)
        task = asyncio.create_task(asyncio.to_thread(self._write_use, known.caller.key_id, hour))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    def _write_use(self, key_id: int | None, hour: datetime) -> None:
        older = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < hour)
        try:
            with self._database.session() as session:
                session.execute(update(ApiKey).where(ApiKey.id == key_id, older).values(last_used_at=hour))
        except StoreError as error:
            _LOG.warning("when a key was used cannot be written: %s", error)


def _unavailable() -> Problem:
    return Problem(UNAVAILABLE, "Keys cannot be checked", "try again in a moment", retry_after_s=LIFE_S)


def _unauthorized(detail: str) -> Problem:
    return Problem(UNAUTHORIZED, "Key needed", detail)
