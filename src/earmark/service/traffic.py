"""How many requests are under way: not too many at once, and none left when the service ends."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.service.options import ServeOptions

RETRY_S = 2.0
MORE_WITHOUT_BODY = 64  # requests beside those that send sound: models, page, feedback lists


class Traffic:
    """Counts requests under way, and closes the door when the service stops.

    Args:
        options: `max_waiting` may wait, `workers` are being decoded and as many heard.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._most_posts = options.max_waiting + 2 * options.workers
        self._n_posts = self._n_all = 0
        self._nothing = asyncio.Event()
        self._nothing.set()
        self.is_closed = False

    @property
    def n_under_way(self) -> int:
        """How many requests are being answered."""
        return self._n_all

    @contextmanager
    def passing(self, *, is_post: bool) -> Iterator[None]:
        """Count a request while the block runs.

        Raises:
            Problem: 503: the service is stopping, or as many as may are waiting already.
        """
        if self.is_closed:
            raise Problem(
                503, "Stopping", "The service is stopping; ask again, another will answer.", retry_after_s=RETRY_S
            )
        if (is_post and self._n_posts >= self._most_posts) or self._n_all >= self._most_posts + MORE_WITHOUT_BODY:
            raise Problem(
                503, "Too busy", f"{self._n_all} requests are being answered already; come back.", retry_after_s=RETRY_S
            )
        self._n_posts += is_post
        self._n_all += 1
        self._nothing.clear()
        try:
            yield
        finally:
            self._n_posts -= is_post
            self._n_all -= 1
            if not self._n_all:
                self._nothing.set()

    async def drained(self, patience_s: float) -> bool:
        """Let nothing new pass, and wait for what is under way; returns whether all of it ended in time."""
        self.is_closed = True
        try:
            async with asyncio.timeout(patience_s):
                await self._nothing.wait()
        except TimeoutError:
            return False
        return True
